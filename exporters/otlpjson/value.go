// SPDX-License-Identifier: Apache-2.0

// Package otlpjson has what signals have in common in OTLP's JSON encoding: lower
// camel case, 64-bit integers as decimal strings
// (opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
package otlpjson

import "strconv"

// Resource is OTLP's Resource.
type Resource struct {
	Attributes []KeyValue `json:"attributes,omitempty"`
}

// Scope is OTLP's InstrumentationScope.
type Scope struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// KeyValue is OTLP's KeyValue.
type KeyValue struct {
	Key   string `json:"key"`
	Value Value  `json:"value"`
}

// Value is OTLP's AnyValue. One of its members is set.
type Value struct {
	String *string  `json:"stringValue,omitempty"`
	Bool   *bool    `json:"boolValue,omitempty"`
	Int    *string  `json:"intValue,omitempty"`
	Double *float64 `json:"doubleValue,omitempty"`
	Array  *Array   `json:"arrayValue,omitempty"`
}

// Array is OTLP's ArrayValue.
type Array struct {
	Values []Value `json:"values"`
}

// String returns a text.
func String(s string) Value { return Value{String: &s} }

// Bool returns a truth value.
func Bool(b bool) Value { return Value{Bool: &b} }

// Int returns a whole number.
func Int(n int64) Value {
	s := strconv.FormatInt(n, 10)
	return Value{Int: &s}
}

// Double returns a floating-point number.
func Double(f float64) Value { return Value{Double: &f} }

// Strings returns a list of texts.
func Strings(list []string) Value {
	a := &Array{Values: []Value{}}
	for _, s := range list {
		a.Values = append(a.Values, String(s))
	}
	return Value{Array: a}
}

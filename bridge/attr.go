// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"math"
	"strconv"
)

// ValueKind tells which type an attribute value has.
type ValueKind uint8

// The value kinds, a subset of OTLP's AnyValue.
const (
	KindString ValueKind = iota
	KindInt
	KindBool
	KindFloat
)

// Attr is one attribute. It is a plain value: making one allocates nothing.
type Attr struct {
	Key  string
	kind ValueKind
	str  string
	num  uint64
}

// String makes a string attribute. The value must be valid UTF-8: OTLP
// receivers refuse a whole batch for one invalid string.
func String(key, value string) Attr { return Attr{Key: key, kind: KindString, str: value} }

// Int makes a 64-bit integer attribute.
func Int(key string, value int64) Attr { return Attr{Key: key, kind: KindInt, num: uint64(value)} }

// Bool makes a boolean attribute.
func Bool(key string, value bool) Attr {
	var num uint64
	if value {
		num = 1
	}
	return Attr{Key: key, kind: KindBool, num: num}
}

// Float makes a double-precision attribute.
func Float(key string, value float64) Attr {
	return Attr{Key: key, kind: KindFloat, num: math.Float64bits(value)}
}

// Kind returns the type of the value.
func (a Attr) Kind() ValueKind { return a.kind }

// Str returns the value of a KindString attribute, else "".
func (a Attr) Str() string { return a.str }

// Int returns the value of a KindInt attribute.
func (a Attr) Int() int64 { return int64(a.num) }

// Bool returns the value of a KindBool attribute.
func (a Attr) Bool() bool { return a.num != 0 }

// Float returns the value of a KindFloat attribute.
func (a Attr) Float() float64 { return math.Float64frombits(a.num) }

// Text renders the value for people.
func (a Attr) Text() string {
	switch a.kind {
	case KindInt:
		return strconv.FormatInt(a.Int(), 10)
	case KindBool:
		return strconv.FormatBool(a.Bool())
	case KindFloat:
		return strconv.FormatFloat(a.Float(), 'g', -1, 64)
	default:
		return a.str
	}
}

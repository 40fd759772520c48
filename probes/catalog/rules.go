// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// rules is what a field's tags say about its value. Bounds and forms of a list
// hold for its items.
type rules struct {
	required           bool
	enum               []string
	bounded            bool
	minimum, maximum   int64
	minItems, maxItems int
	form               string
}

// field is a key of a mapping.
type field struct {
	key   string
	index int
	rules rules
}

// fieldsOf returns the keys that a struct takes, in the order of its fields. The
// list is shared and must not be changed.
func fieldsOf(t reflect.Type) []field {
	if known, ok := knownFields.Load(t); ok {
		return known.([]field)
	}
	fields := readFields(t)
	knownFields.Store(t, fields)
	return fields
}

// knownFields keeps what tags say, by type: they are asked for at every mapping.
var knownFields sync.Map

func readFields(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		fields = append(fields, field{key: key, index: i, rules: rulesOf(f.Tag)})
	}
	return fields
}

// rulesOf reads a field's tags. A test makes sure that every tag in use is
// understood.
func rulesOf(tag reflect.StructTag) rules {
	r := rules{form: tag.Get("form"), minimum: math.MinInt64, maximum: math.MaxInt64}
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(part, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "required":
			r.required = true
		case "enum":
			r.enum = append(r.enum, value)
		case "minimum":
			r.bounded, r.minimum = true, number
		case "maximum":
			r.bounded, r.maximum = true, number
		case "minItems":
			r.minItems = int(number)
		case "maxItems":
			r.maxItems = int(number)
		}
	}
	return r
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxVisits bounds the work that aliases can cause.
const maxVisits = 100_000

// decoder fills the profile's structs from YAML nodes. What it accepts is told
// by the fields' tags, from which the JSON Schema is made too: yaml for the
// key, jsonschema for required, enum and bounds, form for the look of texts.
type decoder struct {
	file   string
	faults Faults
	visits int
}

// customDecoder is implemented by types that YAML writes in several ways.
type customDecoder interface {
	decodeNode(d *decoder, n *yaml.Node, path string, r rules)
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	d.faults = append(d.faults, &Fault{File: d.file, Line: n.Line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// enter follows aliases and reports whether there is budget for one more node.
func (d *decoder) enter(n *yaml.Node, path string) (*yaml.Node, bool) {
	for n.Kind == yaml.AliasNode && n.Alias != nil && d.visits <= maxVisits {
		d.visits++
		n = n.Alias
	}
	d.visits++
	if d.visits == maxVisits {
		d.fault(n, path, "more than %d values after following aliases", maxVisits)
	}
	return n, d.visits < maxVisits
}

// value decodes n into v, which must be settable.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value, r rules) {
	n, ok := d.enter(n, path)
	if !ok {
		return
	}
	if custom, ok := v.Addr().Interface().(customDecoder); ok {
		custom.decodeNode(d, n, path, r)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem(), r)
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Slice:
		d.list(n, path, v, r)
	case reflect.Map:
		d.numbered(n, path, v, r)
	default:
		d.scalar(n, path, v, r)
	}
}

// structure decodes a mapping with known keys.
func (d *decoder) structure(n *yaml.Node, path string, v reflect.Value) {
	where := Where{File: d.file, Line: n.Line, Path: path, keys: make(map[string]int)}
	fields := fieldsOf(v.Type())
	at := v.FieldByName("At")
	at.Set(reflect.ValueOf(where))
	if !d.isMapping(n, path) {
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	d.eachKey(n, path, func(key string, keyNode, value *yaml.Node) {
		where.keys[key] = value.Line
		i := slices.Index(names, key)
		if i < 0 {
			d.fault(keyNode, path, "%s", unknownKey(key, names))
			return
		}
		d.value(value, join(path, key), v.Field(fields[i].index), fields[i].rules)
	})
	for _, f := range fields {
		if f.rules.required && !where.has(f.key) {
			d.fault(n, join(path, f.key), "required")
		}
	}
}

func unknownKey(key string, known []string) string {
	if key == "<<" {
		return "merge keys are not supported, repeat the value or use an alias"
	}
	return fmt.Sprintf("unknown key %q%s", clip(key), cmp.Or(didYouMean(key, known), ", "+oneOf(known)))
}

func (d *decoder) isMapping(n *yaml.Node, path string) bool {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "want a mapping, got %s", describe(n))
		return false
	}
	return true
}

// eachKey calls visit for every key of a mapping and reports duplicates.
func (d *decoder) eachKey(n *yaml.Node, path string, visit func(key string, keyNode, value *yaml.Node)) {
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, ok := d.enter(n.Content[i], path)
		if !ok {
			return
		}
		if key.Kind != yaml.ScalarNode {
			d.fault(key, path, "want a key, got %s", describe(key))
			continue
		}
		if line, twice := lines[key.Value]; twice {
			d.fault(n.Content[i], path, "duplicate key %q, first on line %d", clip(key.Value), line)
			continue
		}
		lines[key.Value] = n.Content[i].Line
		visit(key.Value, n.Content[i], n.Content[i+1])
	}
}

// list decodes a sequence.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value, r rules) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "want a list, got %s", describe(n))
		return
	}
	if len(n.Content) < r.minItems {
		d.fault(n, path, "want at least %d", r.minItems)
	}
	if r.maxItems > 0 && len(n.Content) > r.maxItems {
		d.fault(n, path, "%d are too many, want at most %d", len(n.Content), r.maxItems)
		return
	}
	for i, item := range n.Content {
		element, before := reflect.New(v.Type().Elem()).Elem(), len(d.faults)
		d.value(item, fmt.Sprintf("%s[%d]", path, i), element, r)
		if element.Kind() == reflect.Pointer || len(d.faults) == before {
			v.Set(reflect.Append(v, element)) // a faulty mapping is checked further
		}
	}
}

// numbered decodes a mapping from whole numbers to texts.
func (d *decoder) numbered(n *yaml.Node, path string, v reflect.Value, r rules) {
	if !d.isMapping(n, path) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.eachKey(n, path, func(key string, keyNode, value *yaml.Node) {
		number, err := strconv.ParseUint(key, 10, 64)
		if !d.key(keyNode, path, key, "number") || err != nil {
			return // the look of a number leaves no other error
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(value, join(path, key), element, r)
		v.SetMapIndex(reflect.ValueOf(number), element)
	})
}

// key checks the look of a key.
func (d *decoder) key(n *yaml.Node, path, key, formName string) bool {
	f := forms[formName]
	if f.fits(key) {
		return true
	}
	d.fault(n, path, "invalid key %q, want %s", clip(key), f.want)
	return false
}

// named decodes a mapping whose keys are names: one element a key.
func named[T any](d *decoder, n *yaml.Node, path, formName string, setName func(*T, string)) []*T {
	if !d.isMapping(n, path) {
		return nil
	}
	var all []*T
	d.eachKey(n, path, func(key string, keyNode, value *yaml.Node) {
		if key == "<<" || !d.key(keyNode, path, key, formName) {
			if key == "<<" {
				d.fault(keyNode, path, "%s", unknownKey(key, nil))
			}
			return
		}
		element := new(T)
		setName(element, key)
		d.value(value, join(path, key), reflect.ValueOf(element).Elem(), rules{})
		all = append(all, element)
	})
	return all
}

// oneOrMany decodes a list, or a single element in its place.
func oneOrMany[T any](d *decoder, n *yaml.Node, path string, r rules) []T {
	if n.Kind != yaml.SequenceNode {
		var one T
		d.value(n, path, reflect.ValueOf(&one).Elem(), r)
		return []T{one}
	}
	if len(n.Content) == 0 || len(n.Content) > maxAlternatives {
		d.fault(n, path, "want 1 to %d, got %d", maxAlternatives, len(n.Content))
		return nil
	}
	all := make([]T, len(n.Content))
	for i, item := range n.Content {
		d.value(item, fmt.Sprintf("%s[%d]", path, i), reflect.ValueOf(&all[i]).Elem(), r)
	}
	return all
}

// describe says in words what a node is.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return fmt.Sprintf("%q", clip(n.Value))
	}
	return clip(n.Value)
}

// clip shortens what a message quotes.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

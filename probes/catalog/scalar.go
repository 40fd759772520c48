// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// scalar decodes a single value.
func (d *decoder) scalar(n *yaml.Node, path string, v reflect.Value, r rules) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := d.text(n, path, r); ok {
			v.SetString(s)
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			d.fault(n, path, "want true or false, got %s", describe(n))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int:
		if i, ok := d.integer(n, path, r); ok {
			v.SetInt(i)
		}
	}
}

// text decodes a text and checks its look.
func (d *decoder) text(n *yaml.Node, path string, r rules) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, path, "want text, got %s", describe(n))
		return "", false
	}
	switch tag := n.ShortTag(); tag {
	case "!!str":
	case "!!null":
		d.fault(n, path, "want text, got nothing")
		return "", false
	default:
		d.fault(n, path, "%s", wantText(n, r))
		return "", false
	}
	if len(r.enum) > 0 && !slices.Contains(r.enum, n.Value) {
		d.fault(n, path, "unknown %s %q, %s%s", lastKey(path), clip(n.Value), oneOf(r.enum), didYouMean(n.Value, r.enum))
		return "", false
	}
	if f, ok := forms[r.form]; ok && !f.fits(n.Value) {
		d.fault(n, path, "invalid text %q, want %s", clip(n.Value), f.want)
		return "", false
	}
	return n.Value, true
}

// wantText asks for quotes around what YAML reads as a number or the like,
// where quotes are all it takes.
func wantText(n *yaml.Node, r rules) string {
	f, ok := forms[r.form]
	if ok && !f.fits(n.Value) {
		return fmt.Sprintf("want %s, got %s", f.want, describe(n))
	}
	return fmt.Sprintf("want text, got %s: put it in quotes", describe(n))
}

// integer decodes a whole number and checks its bounds.
func (d *decoder) integer(n *yaml.Node, path string, r rules) (int64, bool) {
	var i int64
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
		d.fault(n, path, "want a whole number, got %s", describe(n))
		return 0, false
	}
	if err := n.Decode(&i); err != nil {
		d.fault(n, path, "want a whole number of 64 bits, got %s", describe(n))
		return 0, false
	}
	if r.bounded && (i < r.minimum || i > r.maximum) {
		d.fault(n, path, "%d is out of range, want %d to %d", i, r.minimum, r.maximum)
		return 0, false
	}
	return i, true
}

// lastKey returns the last key of a path, for messages.
func lastKey(path string) string {
	if i := strings.IndexByte(path, '['); i >= 0 && strings.HasSuffix(path, "]") {
		path = path[:strings.LastIndexByte(path, '[')]
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func (t *Duration) decodeNode(d *decoder, n *yaml.Node, path string, r rules) {
	s, ok := d.text(n, path, r)
	if !ok {
		return
	}
	length, err := time.ParseDuration(s)
	if err != nil {
		d.fault(n, path, "invalid duration %q: longer than 292 years", clip(s))
		return
	}
	*t = Duration(length)
}

func (a *Address) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" {
		d.fault(n, path, "want %s, got %s", forms["address"].want, describe(n))
		return
	}
	s, ok := d.text(n, path, rules{})
	if !ok {
		return
	}
	address, err := ParseAddress(s)
	if err != nil {
		d.fault(n, path, "%s", err)
		return
	}
	*a = address
}

func (c *Constant) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	if n.Kind == yaml.ScalarNode {
		switch n.ShortTag() {
		case "!!int":
			if i, ok := d.integer(n, path, rules{}); ok {
				c.value = i
			}
			return
		case "!!bool":
			c.value = strings.EqualFold(n.Value, "true")
			return
		case "!!str":
			if s, ok := d.text(n, path, rules{form: "line"}); ok {
				c.value = s
			}
			return
		}
	}
	d.fault(n, path, "want text, a whole number or true or false, got %s", describe(n))
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// maxAlternatives bounds lists of probes and of alternative addresses.
const maxAlternatives = 32

func (o *Operations) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*o = named(d, n, path, "operation", func(op *Operation, name string) { op.Name = name })
}

func (c *Captures) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*c = named(d, n, path, "capture", func(capture *Capture, name string) { capture.Name = name })
}

func (p *Paths) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*p = named(d, n, path, "capture", func(one *Path, name string) { one.Name = name })
}

// decodeNode accepts one way in place of a list.
func (p *Path) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	p.At = Where{File: d.file, Line: n.Line, Path: path}
	p.Ways = oneOrMany[*Way](d, n, path, rules{})
}

func (a *Args) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*a = named(d, n, path, "capture", func(arg *Arg, name string) { arg.Name = name })
}

func (a *Arg) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	a.At = Where{File: d.file, Line: n.Line, Path: path}
	if number, ok := d.integer(n, path, rules{bounded: true, maximum: MaxArg}); ok {
		a.Number = int(number)
	}
}

func (a *Attributes) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*a = named(d, n, path, "attribute", func(attribute *Attribute, key string) { attribute.Key = key })
}

func (p *Probes) decodeNode(d *decoder, n *yaml.Node, path string, r rules) {
	*p = oneOrMany[*Probe](d, n, path, r)
}

func (a *Addresses) decodeNode(d *decoder, n *yaml.Node, path string, r rules) {
	*a = oneOrMany[Address](d, n, path, r)
}

func (f *Fields) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	for _, one := range oneOrMany[fieldName](d, n, path, rules{}) {
		*f = append(*f, string(one))
	}
}

func (c *CaptureNames) decodeNode(d *decoder, n *yaml.Node, path string, r rules) {
	for _, one := range oneOrMany[captureName](d, n, path, r) {
		*c = append(*c, string(one))
	}
}

// captureName is one of [CaptureNames].
type captureName string

func (c *captureName) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	s, _ := d.text(n, path, rules{form: "capture"})
	*c = captureName(s)
}

// fieldName is one of [Fields].
type fieldName string

func (f *fieldName) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	s, _ := d.text(n, path, rules{form: "field"})
	*f = fieldName(s)
}

// decodeNode accepts the name of a capture in place of a mapping.
func (a *Attribute) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	if n.Kind == yaml.MappingNode {
		d.structure(n, path, reflect.ValueOf(a).Elem())
		return
	}
	a.At = Where{File: d.file, Line: n.Line, Path: path}
	a.Capture, _ = d.text(n, path, rules{form: "capture"})
}

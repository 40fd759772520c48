// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"go.yaml.in/yaml/v4"

	"github.com/spanbridge/spanbridge/bridge"
)

// Sums are what is added up over all operations, in the order of the file.
type Sums []*Sum

// Sum is a counter to which each operation adds the value of an integer capture
// when it ends, whether it gives a span or not. A value below 0, which stands for an error, adds nothing.
type Sum struct {
	// At is the place in the profile.
	At Where `yaml:"-"`
	// Capture is the name of the capture, the key in the profile.
	Capture string `yaml:"-"`

	// Name of the counter. Several sums can be of one name, told apart by attributes.
	Counter string `yaml:"counter" jsonschema:"required" form:"metric"`
	// Unit of the values in UCUM, such as By or {packet}.
	Unit string `yaml:"unit" jsonschema:"required" form:"unit"`
	// Attributes of the counter, beside those that the operation's histogram has; it is not told apart by errors.
	Attributes Labels `yaml:"attributes"`
}

// Labels are attributes with constant texts.
type Labels map[string]string

// Attrs returns the labels as attributes, in no order.
func (l Labels) Attrs() (attrs []bridge.Attr) {
	for key, text := range l {
		attrs = append(attrs, bridge.String(key, text))
	}
	return attrs
}

func (s *Sums) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	*s = named(d, n, path, "capture", func(sum *Sum, name string) { sum.Capture = name })
}

func (l *Labels) decodeNode(d *decoder, n *yaml.Node, path string, _ rules) {
	if !d.isMapping(n, path) {
		return
	}
	*l = make(Labels)
	d.eachKey(n, path, func(key string, keyNode, value *yaml.Node) {
		if !d.key(keyNode, path, key, "attribute") {
			return
		}
		if text, ok := d.text(value, join(path, key), rules{form: "line"}); ok {
			(*l)[key] = text
		}
	})
}

// sums checks what the operations of a profile add up.
func (v *validator) sums(p *Profile) {
	units := make(map[string]string)
	for _, op := range p.Operations {
		v.sumsOf(op)
		for _, sum := range op.Sum {
			if unit, ok := units[sum.Counter]; ok && unit != sum.Unit && sum.Counter != "" {
				v.add(sum.At.at("unit", "%s is counted in %q elsewhere in the profile", sum.Counter, unit))
			}
			units[sum.Counter] = sum.Unit
		}
	}
}

func (v *validator) sumsOf(op *Operation) {
	if len(op.Sum) == 0 || v.broken(op.At.Path) {
		return
	}
	switch {
	case op.Point() || op.Inline():
		v.add(op.At.at("sum", "only an operation without a parent, with a start and an end, has values to add up"))
		return
	case !op.inKernel():
		v.add(op.At.at("sum", "only probes in the kernel have it"))
	case len(op.Sum) > bridge.MaxSums:
		v.add(op.At.at("sum", "%d are too many, want at most %d", len(op.Sum), bridge.MaxSums))
	}
	for _, sum := range op.Sum {
		captures := op.capturesOf(sum.Capture)
		if len(captures) == 0 {
			v.unknownCapture(op, op.At, "sum", sum.Capture)
		} else if t := captures[0].Type; !t.Integer() {
			v.add(sum.At.Fault("the capture has the type %s, want an integer type", t))
		}
	}
}

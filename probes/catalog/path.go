// SPDX-License-Identifier: Apache-2.0

package catalog

// MaxPaths bounds the paths of a profile.
const MaxPaths = 256

// Paths are the paths of a profile in the order of the file.
type Paths []*Path

// Find returns the path of that name, or nil.
func (p Paths) Find(name string) *Path {
	for _, path := range p {
		if path.Name == name {
			return path
		}
	}
	return nil
}

// Path leads from one value of a server to another, such as from the state of a
// session to its user. Where the value lies in a build of the server is decoded
// from the machine code of the server's own functions when probes are attached:
// nothing is known by heart. In YAML a single way needs no list.
type Path struct {
	// At is the place in the profile.
	At Where
	// Name is the path's key in the profile.
	Name string
	// Ways are alternatives of which the first that decodes is taken.
	Ways []*Way
}

// Way is one way to a value: by exactly one of getter, predicate, setter, in
// and element, which are functions of the server by their exact, mangled names.
// Each but element has as its first argument what the way begins with, or says otherwise by from.
type Way struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Where the way begins: the name of a path, of an argument in a probe's args, or of a capture of the tier's start.
	Of string `yaml:"of" form:"capture"`
	// A function without arguments that returns a field of an element that a variable selects in a static table. The value is the place of that field, 0 where none is selected; of is left out.
	Element string `yaml:"element" form:"symbol"`
	// A function that returns the value.
	Getter string `yaml:"getter" form:"symbol"`
	// Of a getter that returns two registers: which one, 0 or 1.
	Result int `yaml:"result" jsonschema:"minimum=0,maximum=1"`
	// Of a getter: the value is stored where its second argument points to, not returned.
	Out bool `yaml:"out"`
	// A function that compares a field with a constant: the value is 1 or 0.
	Predicate string `yaml:"predicate" form:"symbol"`
	// A function that stores its argument number argument, or adds it, in the field that holds the value.
	Setter string `yaml:"setter" form:"symbol"`
	// A function that calls others. The value is what it hands over as argument number argument.
	In string `yaml:"in" form:"symbol"`
	// Of in: the function that is called; by default every call counts, and all have to hand over the same.
	Call string `yaml:"call" form:"symbol"`
	// Of in: an exported variable by which the function finds what the way begins with, which is then not its first argument.
	Variable string `yaml:"variable" form:"symbol"`
	// Number of the argument of a setter or a call, from 0.
	Argument int `yaml:"argument" jsonschema:"minimum=0,maximum=5"`
	// Of a setter: the field is the one in which it stores a constant, or to which it adds one; instead of argument.
	Constant bool `yaml:"constant"`
	// Of in: number of the function's own argument with which the way begins; by default the first, 0.
	From int `yaml:"from" jsonschema:"minimum=0,maximum=5"`
	// Of in: what is handed over is a part of the structure. The way begins at that part, and the value is the structure around it.
	Around bool `yaml:"around"`
	// Of a setter or a call: the value is the place of the field, such as that of an array inside the structure, not what it holds.
	Address bool `yaml:"address"`
	// Only the first so many loads of what the function does: where a structure is on the way to the field.
	Take int `yaml:"take" jsonschema:"minimum=1,maximum=3"`
	// Without the first so many loads of what the function does: the way begins behind them.
	Skip int `yaml:"skip" jsonschema:"minimum=1,maximum=3"`
}

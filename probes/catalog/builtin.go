// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"embed"
	"strings"
)

//go:embed *.yaml
var builtin embed.FS

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of a profile. It accepts
// every profile that [Parse] accepts; references between parts of a profile
// and the limits of a record are checked by Parse alone.
func Schema() []byte { return bytes.Clone(schema) }

// Builtin returns the built-in profiles in the order of their names. Each call
// parses them anew: the caller may change what it gets.
func Builtin() []*Profile {
	var all []*Profile
	for _, name := range builtinNames() {
		if p := Find(name); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Find returns the built-in profile of that name, or nil.
func Find(name string) *Profile {
	data, err := builtin.ReadFile(name + ".yaml")
	if err != nil {
		return nil
	}
	p, err := Parse(name+".yaml", data)
	if err != nil {
		return nil // a test parses them all
	}
	return p
}

// builtinNames lists the built-in profiles. A profile's file has its name.
func builtinNames() []string {
	entries, err := builtin.ReadDir(".")
	if err != nil {
		return nil // the embedded folder is always there
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"embed"
	"slices"
	"strings"
	"sync"
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
func Builtin() []*Profile { return find(builtinNames()) }

// Servers returns those that are about the processes of a program, not about the
// host. The others need not be parsed for that.
func Servers() []*Profile {
	return find(slices.DeleteFunc(builtinNames(), func(name string) bool {
		data, err := builtin.ReadFile(name + ".yaml")
		return err != nil || !bytes.Contains(data, []byte("\nmatch:"))
	}))
}

func find(names []string) []*Profile {
	all := make([]*Profile, len(names))
	var parsing sync.WaitGroup // each takes milliseconds, of which a start has few
	for i, name := range names {
		parsing.Go(func() { all[i] = Find(name) })
	}
	parsing.Wait()
	return slices.DeleteFunc(all, func(p *Profile) bool { return p == nil })
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

// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
)

func types(t *testing.T) *btf.Spec {
	t.Helper()
	spec, err := LoadPrograms()
	if err != nil {
		t.Fatal(err)
	}
	return spec.Types
}

func structOf(t *testing.T, name string) *btf.Struct {
	t.Helper()
	var s *btf.Struct
	if err := types(t).TypeByName(name, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// goName is how bpf2go writes a C name: start_ns becomes StartNs.
func goName(c string) string {
	var b strings.Builder
	for _, word := range strings.Split(strings.ToLower(c), "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// differences compares a Go type with a C one: sizes, and names and offsets of
// members, all the way down.
func differences(path string, g reflect.Type, c btf.Type) (diffs []string) {
	c = btf.UnderlyingType(c)
	size, err := btf.Sizeof(c)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	if g.Size() != uintptr(size) {
		diffs = append(diffs, fmt.Sprintf("%s: %d bytes in Go, %d in C", path, g.Size(), size))
	}
	switch c := c.(type) {
	case *btf.Array:
		if g.Kind() != reflect.Array || g.Len() != int(c.Nelems) || c.Nelems == 0 {
			return append(diffs, fmt.Sprintf("%s: %v in Go, %d elements in C", path, g, c.Nelems))
		}
		return append(diffs, differences(path+"[]", g.Elem(), c.Type)...)
	case *btf.Struct:
		if g.Kind() != reflect.Struct {
			return append(diffs, fmt.Sprintf("%s: %v in Go, a structure in C", path, g))
		}
		return append(diffs, memberDifferences(path, g, c)...)
	}
	return diffs
}

func memberDifferences(path string, g reflect.Type, c *btf.Struct) (diffs []string) {
	end := uint32(0)
	for _, m := range c.Members {
		at := path + "." + m.Name
		if m.Offset.Bytes() != end {
			diffs = append(diffs, fmt.Sprintf("%s: %d unnamed bytes before it", at, m.Offset.Bytes()-end))
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			return append(diffs, fmt.Sprintf("%s: %v", at, err))
		}
		end = m.Offset.Bytes() + uint32(size)
		f, ok := g.FieldByName(goName(m.Name))
		if !ok {
			diffs = append(diffs, at+": not in Go")
			continue
		}
		if f.Offset != uintptr(m.Offset.Bytes()) {
			diffs = append(diffs, fmt.Sprintf("%s: at %d in Go, at %d in C", at, f.Offset, m.Offset.Bytes()))
		}
		diffs = append(diffs, differences(at, f.Type, m.Type)...)
	}
	if end != c.Size {
		diffs = append(diffs, fmt.Sprintf("%s: %d unnamed bytes at its end", path, c.Size-end))
	}
	return diffs
}

func TestStructuresAreTheSameOnBothSides(t *testing.T) {
	for name, g := range map[string]any{
		"spec": ProgramsSpec{}, "capture": ProgramsCapture{}, "arg": ProgramsArg{}, "op_config": ProgramsOpConfig{},
		"event": ProgramsEvent{}, "entry": ProgramsEntry{}, "detail": ProgramsDetail{}, "op_counters": ProgramsOpCounters{}, "times": ProgramsTimes{},
		"histogram": ProgramsHistogram{}, "histogram_key": ProgramsHistogramKey{},
	} {
		t.Run(name, func(t *testing.T) {
			if diffs := differences(name, reflect.TypeOf(g), structOf(t, name)); diffs != nil {
				t.Error(strings.Join(diffs, "\n"))
			}
		})
	}
}

func TestALayoutThatDiffersIsFound(t *testing.T) {
	word, octet := &btf.Int{Name: "int", Size: 4}, &btf.Int{Name: "char", Size: 1}
	c := func(size uint32, members ...btf.Member) *btf.Struct { return &btf.Struct{Size: size, Members: members} }
	a, b := btf.Member{Name: "a", Type: word}, btf.Member{Name: "b", Type: octet, Offset: 32}
	tests := []struct {
		name string
		g    any
		c    *btf.Struct
	}{
		{"padding at the end", struct {
			A uint32
			B uint8
			_ [3]byte
		}{}, c(8, a, b)},
		{"an array without elements at the end", struct{ A uint32 }{},
			c(4, a, btf.Member{Name: "b", Type: &btf.Array{Type: octet}, Offset: 32})},
		{"a member that moved", struct{ B, A uint32 }{},
			c(8, a, btf.Member{Name: "b", Type: word, Offset: 32})},
		{"a member that is wider", struct {
			A uint64
		}{}, c(4, a)},
		{"a member that is missing", struct{ A, C uint32 }{}, c(8, a, btf.Member{Name: "b", Type: word, Offset: 32})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diffs := differences("s", reflect.TypeOf(test.g), test.c); diffs == nil {
				t.Error("no difference was found")
			}
		})
	}
	if diffs := differences("s", reflect.TypeOf(struct{ A uint32 }{}), c(4, a)); diffs != nil {
		t.Errorf("the same layout differs: %v", diffs)
	}
}

func TestLimitsAreTheSameOnBothSides(t *testing.T) {
	elements := func(in, member string) int {
		for _, m := range structOf(t, in).Members {
			if array, ok := m.Type.(*btf.Array); ok && m.Name == member {
				return int(array.Nelems)
			}
		}
		t.Fatalf("no array %s in %s", member, in)
		return 0
	}
	got := map[string]int{
		"values":        elements("event", "values"),
		"strings":       elements("event", "strings"),
		"classes":       elements("event", "rest_ns"),
		"entries":       elements("thread", "entry"),
		"detail values": elements("detail", "values"), "detail names": elements("detail", "names"),
		"buckets":  elements("histogram", "buckets"),
		"captures": elements("spec", "capture"),
		"loads":    elements("arg", "offsets"),
		"times":    elements("times", "ns"),
		"told":     elements("clock", "wait"),
		"sums":     elements("histogram", "sums"), "sums of an operation": elements("op_config", "sums"),
	}
	want := map[string]int{
		"values": bridge.MaxValues, "strings": bridge.MaxStrings, "classes": bridge.MaxClasses,
		"entries": bridge.MaxEntries, "detail values": bridge.DetailValues, "detail names": bridge.DetailNames, "buckets": bridge.NumBuckets, "captures": MaxCaptures, "loads": MaxLoads,
		"times": int(bridge.NumTimes), "told": bridge.MaxWaits,
		"sums": bridge.MaxSums, "sums of an operation": bridge.MaxSums,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("limits (-Go +C):\n%s", diff)
	}
	if maxEntries != bridge.MaxEntries {
		t.Errorf("maxEntries is %d, want %d", maxEntries, bridge.MaxEntries)
	}
	spec, err := LoadPrograms()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ops", "counters", "open_operations"} {
		if n := spec.Maps[name].MaxEntries; n != MaxOperations {
			t.Errorf("map %s has %d entries, want %d", name, n, MaxOperations)
		}
	}
}

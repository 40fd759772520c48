// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
)

// enum returns the values of a C enumeration by the names that Go gives them.
func enum(t *testing.T, name, cutPrefix string) map[string]int {
	t.Helper()
	var e *btf.Enum
	if err := types(t).TypeByName(name, &e); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]int)
	for _, v := range e.Values {
		values[goName(strings.TrimPrefix(v.Name, cutPrefix))] = int(v.Value)
	}
	return values
}

func TestRecordFlagsAreTheSameOnBothSides(t *testing.T) {
	want := map[string]int{
		"Failed": int(bridge.FlagFailed), "TextCut": int(bridge.FlagTextCut), "TextFault": int(bridge.FlagTextFault),
		"Fault": int(bridge.FlagFault), "NoText": int(bridge.FlagNoText), "HasText": int(bridge.FlagHasText),
		"Unchosen": int(bridge.FlagUnchosen), "Timed": int(bridge.FlagTimed),
		"Unfinished": int(bridge.FlagUnfinished),
	}
	if diff := cmp.Diff(want, enum(t, "event_flags", "EVENT_")); diff != "" {
		t.Errorf("flags (-Go +C):\n%s", diff)
	}
}

func TestTimeClassesAreTheSameOnBothSides(t *testing.T) {
	want := map[string]int{"NumTimes": int(bridge.NumTimes)}
	for class := range bridge.NumTimes {
		want[goName(class.String())] = int(class)
	}
	if diff := cmp.Diff(want, enum(t, "time_class", "TIME_")); diff != "" {
		t.Errorf("classes (-Go +C):\n%s", diff)
	}
}

// Package probes cannot be imported here, since it imports this one.
func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSpecNumbersAreTheSameOnBothSides(t *testing.T) {
	numbers := make(map[string]int)
	for _, decl := range parse(t, "../probes/compile.go").Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for i, s := range group.Specs {
			v := s.(*ast.ValueSpec)
			for k, name := range v.Names {
				numbers[name.Name] = i // iota
				if k < len(v.Values) {
					if lit, ok := v.Values[k].(*ast.BasicLit); ok {
						numbers[name.Name], _ = strconv.Atoi(lit.Value)
					}
				}
			}
		}
	}
	for _, name := range []string{"arg_kind", "capture_type", "capture_role", "capture_flags", "spec_flags"} {
		for c, value := range enum(t, name, "") {
			g := strings.ToLower(c[:1]) + c[1:]
			if got, ok := numbers[g]; !ok || got != value {
				t.Errorf("enum %s: %s is %d in C, %d in Go (present: %v)", name, g, value, got, ok)
			}
		}
	}
}

func TestCountersAreInTheSameOrderOnBothSides(t *testing.T) {
	got := make(map[string]int)
	ast.Inspect(parse(t, "../probes/counters.go"), func(n ast.Node) bool {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, isName := pair.Key.(*ast.Ident)
		if index, ok := pair.Value.(*ast.IndexExpr); ok && isName {
			if lit, ok := index.Index.(*ast.BasicLit); ok {
				got[key.Name], _ = strconv.Atoi(lit.Value)
			}
		}
		return true
	})
	want := enum(t, "counter", "COUNT_")
	if want["NumCounters"] != len(want)-1 {
		t.Errorf("%d counters have names, want %d", len(want)-1, want["NumCounters"])
	}
	delete(want, "NumCounters")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-C +Go):\n%s", diff)
	}
}

func TestSizesOfDataAreTheSameOnBothSides(t *testing.T) {
	header, err := os.ReadFile("record.h")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^#define (\w+)\s+(\d+)\b`).FindAllSubmatch(header, -1) {
		got[string(m[1])], _ = strconv.Atoi(string(m[2]))
	}
	for name, want := range map[string]int{
		"MAX_STRING": MaxString, "STRINGS_SIZE": stringsSize, "TAIL_SIZE": tailSize, "MAX_ENTRIES": maxEntries,
		"MAX_OPS": MaxOperations, "NUM_OCTAVES": (bridge.NumBuckets - 2) / bridge.SubBuckets,
	} {
		if got[name] != want {
			t.Errorf("%s is %d in C, %d in Go", name, got[name], want)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, head := range []int{0, MinTextHead - 1, MaxTextHead + 1} {
		if _, err := Spec(Settings{TextHead: head, RingBytes: 4096, Sites: 1}); err == nil {
			t.Errorf("a text of %d bytes was accepted", head)
		}
	}
	spec, err := Spec(Settings{TextHead: MaxTextHead, RingBytes: 64 << 10, Sites: 7, Single: true})
	if err != nil {
		t.Fatal(err)
	}
	var shift uint32
	if err := spec.Variables["wake_shift"].Get(&shift); err != nil || shift != 14 {
		t.Errorf("wakes the reader at 2^%d bytes of 64 KiB: %v", shift, err)
	}
	if m := spec.Maps["sites"].MaxEntries; m != 7 {
		t.Errorf("%d sites", m)
	}
	if size := spec.Maps["buffers0"].ValueSize; size >= 1<<16-100 {
		t.Errorf("a record buffer of %d bytes is more than a task storage holds", size)
	}
}

// Newer kernels than 6.18 (seen on 7.2) take what a thread has in task storage from kmalloc_nolock,
// which gives nothing above KMALLOC_MAX_CACHE_SIZE (mm/slub.c): 8 KiB, with the 72 bytes of struct
// bpf_local_storage_elem. Without the state of its thread no statement is seen.
func TestStateOfAThreadFitsWhatTheKernelGives(t *testing.T) {
	const most = 8<<10 - 72
	spec, err := Spec(Settings{TextHead: 4096, RingBytes: 64 << 10, Sites: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"threads", "buffers0", "unfinished"} {
		if size := spec.Maps[name].ValueSize; size > most {
			t.Errorf("%s: %d bytes, the kernel gives %d", name, size, most)
		}
	}
}

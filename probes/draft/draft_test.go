// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"debug/elf"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

var update = flag.Bool("update", false, "write golden files anew")

// anything are limits that no file reaches.
var anything = Limits{Operations: 1000, Sites: 1000, Refuse: func(usdt.InstructionKind) error { return nil }}

// recorded reads the probes of a file in testdata.
func recorded(t *testing.T, name string) []usdt.Probe {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".probes"))
	if err != nil {
		t.Fatal(err)
	}
	var all []usdt.Probe
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		at := &usdt.Place{Address: 0x1000, Symbol: func(string) (uint64, error) { return 0x2000, nil }}
		args, err := usdt.ParseArgs(elf.EM_X86_64, fields[3], at)
		if err != nil {
			t.Fatal(err)
		}
		site := usdt.Site{Args: args, RawArgs: fields[3], Instruction: usdt.Instruction{Kind: usdt.Nop1}}
		if last := len(all) - 1; last >= 0 && all[last].Provider == fields[0] && all[last].Name == fields[1] {
			all[last].Sites = append(all[last].Sites, site)
			continue
		}
		all = append(all, usdt.Probe{Provider: fields[0], Name: fields[1], Sites: []usdt.Site{site}})
	}
	return all
}

func TestDraftsOfRealPrograms(t *testing.T) {
	for _, test := range []struct {
		name string
		in   Program
	}{
		{"postgres", Program{Executables: []string{"postgres"}, Files: []File{{catalog.Exe, recorded(t, "postgres")}}}},
		{"python3.11", Program{Executables: []string{"python3.11"}, Files: []File{{catalog.Exe, recorded(t, "python3.11")}}}},
		{"usdt-demo", Program{Executables: []string{"usdt-demo"}, Files: []File{{catalog.Exe, recorded(t, "usdt-demo")}}}},
		{"libstdc++", Program{Files: []File{{Library("libstdc++.so.6.0.30"), recorded(t, "libstdc++")}}}},
		{"mariadbd", Program{
			Executables: []string{"mariadbd"}, Version: "10.11.19-MariaDB", VersionSymbol: "server_version",
			Files: []File{{Library("libstdc++.so.6.0.30"), recorded(t, "libstdc++")}},
		}},
	} {
		got, err := Profile(test.in, anything)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		golden := filepath.Join("testdata", test.name+".golden")
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// of makes probes of the provider p with one site each.
func of(names ...string) []usdt.Probe {
	var all []usdt.Probe
	for _, name := range names {
		all = append(all, usdt.Probe{Provider: "p", Name: name, Sites: make([]usdt.Site, 1)})
	}
	return all
}

func TestProbesArePairedByTheHabitsOfNaming(t *testing.T) {
	for _, test := range []struct {
		probes []string
		want   []string // operation: its probes
	}{
		{[]string{"query__start", "query__done"}, []string{"query: query__start query__done"}},
		{[]string{"gc__begin", "gc__end"}, []string{"gc: gc__begin gc__end"}},
		{[]string{"method__entry", "method__return"}, []string{"method: method__entry method__return"}},
		{[]string{"read_start", "read_end"}, []string{"read: read_start read_end"}},
		{[]string{"start", "end"}, []string{"p: start end"}},
		{[]string{"request__startup", "request__shutdown"}, []string{"request: request__startup request__shutdown"}},
		{
			[]string{"transaction__abort", "transaction__commit", "transaction__start"},
			[]string{"transaction: transaction__start transaction__commit transaction__abort"},
		},
		{[]string{"thread__start"}, []string{"thread_start: thread__start"}},
		{[]string{"job__done"}, []string{"job_done: job__done"}},
		{[]string{"restart", "redone"}, []string{"redone: redone", "restart: restart"}},
		{[]string{"a__start", "b__done"}, []string{"a_start: a__start", "b_done: b__done"}},
		{[]string{"a__b", "a_b"}, []string{"a_b: a__b", "p_a_b: a_b"}},
		{[]string{"x__done", "x__end", "x__start"}, []string{"x: x__start x__done", "x_end: x__end"}},
	} {
		var got []string
		for _, op := range operationsOf([]File{{catalog.Exe, of(test.probes...)}}, anything).operations {
			line := op.name + ":"
			for _, p := range op.probes() {
				line += " " + p.Name
			}
			got = append(got, line)
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v: %s", test.probes, diff)
		}
	}
}

func TestEndsOfOtherProvidersAndFilesAreNoEnds(t *testing.T) {
	other := of("a__done")
	other[0].Provider = "q"
	for _, files := range [][]File{
		{{catalog.Exe, append(of("a__start"), other...)}},
		{{catalog.Exe, of("a__start")}, {"*x.so", of("a__done")}},
	} {
		for _, op := range operationsOf(files, anything).operations {
			if op.start != nil {
				t.Errorf("%s was paired with %s", op.start.Name, op.done[0].Name)
			}
		}
	}
}

func TestOnlyWhatCanBeAttachedIsTaken(t *testing.T) {
	probes := of("a__start", "a__done", "b", "c")
	probes[2].Sites[0].Instruction.Kind = usdt.Nop10
	l := Limits{Operations: 2, Sites: 3, Refuse: func(kind usdt.InstructionKind) error {
		if kind == usdt.Nop10 {
			return errors.New("ten bytes")
		}
		return nil
	}}
	text, err := Profile(Program{Executables: []string{"x"}, Files: []File{{catalog.Exe, probes}}}, l)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "# - p:b: ten bytes\n") {
		t.Errorf("no reason for what is missing:\n%s", text)
	}
	l.Operations = 1
	if got := operationsOf([]File{{catalog.Exe, probes}}, l); len(got.operations) != 1 || len(got.omitted) != 2 {
		t.Errorf("%d operations and %v for a limit of 1", len(got.operations), got.omitted)
	}
	l.Operations, l.Sites = 2, 2
	if got := operationsOf([]File{{catalog.Exe, probes}}, l); len(got.operations) != 1 || got.operations[0].sites() != 2 {
		t.Errorf("%d operations for a limit of 2 sites", len(got.operations))
	}
	_, err = Profile(Program{Files: []File{{catalog.Exe, probes[2:3]}}}, l)
	if !errors.Is(err, ErrNoProbes) || !strings.Contains(err.Error(), "ten bytes") {
		t.Errorf("the error is %v", err)
	}
	if _, err := Profile(Program{}, l); !errors.Is(err, ErrNoProbes) {
		t.Errorf("no files gave %v", err)
	}
}

func arguments(t *testing.T, probe *usdt.Probe, sites ...string) {
	t.Helper()
	probe.Sites = nil
	for _, s := range sites {
		args, err := usdt.ParseArgs(elf.EM_X86_64, s, nil)
		probe.Sites = append(probe.Sites, usdt.Site{Args: args, ArgsErr: err, RawArgs: s})
	}
}

func TestArgumentsAreReadWhereAllSitesHaveThem(t *testing.T) {
	probes := of("a__start", "a__abort", "a__commit")
	arguments(t, &probes[0], "8@%rax -4@%ebx 1@%al 8f@%xmm0 8@nowhere(%rip)", "-8@%rax 4@%ebx 2@%ax 8f@%xmm0 8@nowhere(%rip) 8@%rcx")
	arguments(t, &probes[1], "4@%eax")
	arguments(t, &probes[2], "-8@%rax 1@$1")
	found := operationsOf([]File{{catalog.Exe, probes}}, anything)
	r := found.operations[0].read()
	want := []capture{{"arg0", 0, catalog.TypeI64}, {"arg1", 1, catalog.TypeI32}, {"arg2", 2, catalog.TypeU16}}
	if diff := cmp.Diff(want, r.start, cmp.AllowUnexported(capture{})); diff != "" {
		t.Error(diff)
	}
	commit := []capture{{"done_arg0", 0, catalog.TypeI64}, {"done_arg1", 1, catalog.TypeU8}}
	if diff := cmp.Diff([][]capture{commit, commit[:1]}, r.done, cmp.AllowUnexported(capture{})); diff != "" {
		t.Error(diff)
	}
	reasons := []string{
		"argument 3 of a__start: a floating-point number",
		`argument 4 of a__start: 8@nowhere(%rip) cannot be read`,
		"argument 5 of a__start: not all of its sites have it",
	}
	if diff := cmp.Diff(reasons, r.omitted); diff != "" {
		t.Error(diff)
	}
}

func TestASpanHasRoomForSixteenArguments(t *testing.T) {
	probes := of("a__start", "a__done")
	twelve := strings.TrimSpace(strings.Repeat("8@%rax ", 13))
	arguments(t, &probes[0], twelve)
	arguments(t, &probes[1], twelve)
	r := operationsOf([]File{{catalog.Exe, probes}}, anything).operations[0].read()
	if len(r.start) != 12 || len(r.done[0]) != 4 || len(r.omitted) != 10 {
		t.Errorf("%d and %d captures, %d omitted: %q", len(r.start), len(r.done[0]), len(r.omitted), r.omitted)
	}
}

func TestLibrariesAreNamedWithoutTheirVersion(t *testing.T) {
	for base, want := range map[string]string{
		"libstdc++.so.6.0.30": "libstdc++.so*", "plugin.so": "plugin.so", "a*b[c.so.1": `a\*b\[c.so*`, "ld-2.31.so": "ld-2.31.so",
	} {
		got := Library(base)
		a := catalog.Address{Kind: catalog.USDT, Path: got}
		if got != want || !a.MatchesLibrary(base) {
			t.Errorf("%s: got %s, which matches: %v", base, got, a.MatchesLibrary(base))
		}
	}
}

// Names come from files that need not be trusted.
func FuzzProfile(f *testing.F) {
	f.Add("mysqld", "mysql", "query__start", "query__done", "8@%rbx -4@12(%rbx)", "libx.so.1")
	f.Add("no", "p:q", "a b\n", "\xff", "8@", "*[")
	f.Add("true", "", "start", "end", "4f@%xmm0 1@$0", "é.so")
	f.Add("a\"b", "1", "__start", "__done", "", "#")
	f.Fuzz(func(t *testing.T, exe, provider, start, done, args, library string) {
		if len(provider) > usdt.MaxName || len(start) > usdt.MaxName || len(done) > usdt.MaxName || len(library) > 255 {
			return // the parser refuses them
		}
		probes := []usdt.Probe{{Provider: provider, Name: start}, {Provider: provider, Name: done}}
		arguments(t, &probes[0], args)
		arguments(t, &probes[1], args, args)
		in := Program{Executables: []string{exe}, Version: exe, Files: []File{{catalog.Exe, probes}, {Library(library), probes}}}
		// The draft is valid, or says that there is nothing to make it of.
		if _, err := Profile(in, anything); err != nil && !errors.Is(err, ErrNoProbes) {
			t.Errorf("%q: %v", in.Executables, err)
		}
	})
}

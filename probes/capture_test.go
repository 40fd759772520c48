// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

const sourcesProfile = `
profile: sources
match: {executables: [server]}
system: mysql
dialect: mysql
paths:
  id: {of: session, getter: id}
  failed: {of: session, predicate: failed}
  database: {of: session, getter: database}
  behind: {of: session, getter: behind}
  deep: {of: session, getter: deep}
  later: {of: handle, getter: id}
  gone: {of: session, getter: gone}
  behind_gone: {of: unknown, getter: id}
operations:
  query:
    tiers:
      - tier: uprobe
        start:
          probe: uprobe:exe:begin
          args: {session: 0}
          capture:
            handle: {arg: 0, type: u64}
            unknown: {path: gone, type: u64}
            context: {arg: 1, type: traceparent}
            both: {path: gone, type: u64}
        note:
          probe: uprobe:exe:go_on
          args: {session: 0}
          capture: {boundary: {time: true, type: u64, first: true}}
          last: true
        done:
          probe: uprobe:exe:end
          after_note: true
          args: {session: 1}
          capture:
            user: {arg: 2, type: string, max: 33, offsets: [8, 0]}
            id: {path: id, type: u8}
            late: {path: later, type: u32}
            lost: {path: behind_gone, type: u32}
            owner: {variable: owner, type: u16, offsets: [4]}
            nothing: {variable: nothing, type: u16}
            mark: {constant: -2, type: i16}
            ok: {arg: 3, type: u32, equals: 7}
            dependent: {arg: 3, type: u32, if: lost}
            detail: {arg: 3, type: u32, if: ok}
            error: {arg: 3, type: u32, if: status}
            status: {path: failed, type: u32}
            member: {path: behind, type: u64, offsets: [6, 2]}
            both: {arg: 3, type: u64}
            text: {path: database, type: sql, length: {arg: 4, type: u32, offsets: [16]}}
  other:
    tiers:
      - tier: uprobe
        start: {probe: "uprobe:exe:begin", capture: {needy: {arg: 0, type: u8, needs: gone}, wanted: {arg: 0, type: u8, needs: id}}}
        done: {probe: "uretprobe:exe:begin", capture: {result: {returned: true, type: i32}}}
`

// compiled has the captures of a probe by name.
type compiled struct {
	spec    bpf.ProgramsSpec
	order   []string
	by      map[string]bpf.ProgramsCapture
	missing map[string]string
}

// compileTier compiles the probes of an operation's first tier, in the order in
// which a session does.
func compileTier(t *testing.T, operation string) []compiled {
	t.Helper()
	profile, err := catalog.Parse("sources.yaml", []byte(sourcesProfile))
	if err != nil {
		t.Fatal(err)
	}
	op := profile.Operations.Find(operation)
	tier := op.Tiers[0]
	p := &place{
		roles: &op.Roles, slots: tier.Slots(), leads: newLeads(assemble(t, server), profile.Paths),
		arg: functionArgs(elf.EM_X86_64, true), missing: map[string]string{}, had: map[string]bool{},
		variable: func(name string) (bpf.ProgramsArg, error) {
			if name != "owner" {
				return bpf.ProgramsArg{}, lacks(errors.New("no such variable"))
			}
			return bpf.ProgramsArg{Kind: argMem, Size: 8, Base: 16, Disp: 0x40}, nil
		},
	}
	var all []compiled
	for _, probe := range tier.Probes() {
		before := len(p.missing)
		spec, err := siteSpec(probe, p)
		if err != nil {
			t.Fatal(err)
		}
		c := compiled{spec: spec, by: map[string]bpf.ProgramsCapture{}, missing: p.missing}
		n := 0
		for _, capture := range ordered(probe.Captures, p.isEarly) {
			if n < int(spec.Captures) && p.compiles(probe, capture) {
				c.order = append(c.order, capture.Name)
				c.by[capture.Name] = spec.Capture[n]
				n++
			}
		}
		if n != int(spec.Captures) || before > len(p.missing) {
			t.Fatalf("%d of %d captures found", n, spec.Captures)
		}
		all = append(all, c)
	}
	return all
}

func (p *place) compiles(probe *catalog.Probe, c *catalog.Capture) bool {
	_, err := p.capture(probe, c)
	return err == nil
}

func TestEveryKindOfCaptureIsCompiled(t *testing.T) {
	probes := compileTier(t, "query")
	start, note, done := probes[0], probes[1], probes[2]
	reg := func(base uint8, change ...func(*bpf.ProgramsArg)) bpf.ProgramsArg {
		a := bpf.ProgramsArg{Kind: argReg, Size: 8, Base: base}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	loads := func(size uint8, offsets ...int32) func(*bpf.ProgramsArg) {
		return func(a *bpf.ProgramsArg) {
			a.Size, a.Loads = size, uint8(len(offsets))
			copy(a.Offsets[:], offsets)
		}
	}
	saved := func(a *bpf.ProgramsArg) { a.Kind = argSaved }
	const rdi, rsi, rdx, rcx, r8 = 5, 4, 1, 2, 8
	for _, test := range []struct {
		name string
		got  bpf.ProgramsArg
		want bpf.ProgramsArg
	}{
		{"an argument", start.by["handle"].Arg, reg(rdi)},
		{"the attributes of a command", start.by["context"].Arg, reg(rsi, loads(8, 16))},
		{"their number", start.by["context"].Length, reg(rsi, loads(8, 24))},
		{"a string behind loads", done.by["user"].Arg, reg(rdx, loads(8, 8, 0))},
		{"a path from an argument, to less than it gives", done.by["id"].Arg, reg(rsi, loads(1, 0x25d0))},
		{"a path from a value of the start", done.by["late"].Arg, reg(0, saved, loads(4, 0x25d0))},
		{"a variable", done.by["owner"].Arg, bpf.ProgramsArg{Kind: argMem, Base: 16, Disp: 0x40, Size: 2, Loads: 1, Offsets: [4]int32{4}}},
		{"a constant", done.by["mark"].Arg, bpf.ProgramsArg{Kind: argConst, Size: 2, IsSigned: 1, Disp: -2}},
		{"a comparison", done.by["status"].Arg, reg(rsi, loads(4, 0x33a0, 0x8c))},
		{"loads behind a member", done.by["member"].Arg, reg(rsi, loads(8, 0x62e0, 0x20, 2))},
		{"a text", done.by["text"].Arg, reg(rsi, loads(8, 0x68, 0x558))},
		{"its length", done.by["text"].Length, reg(r8, loads(4, 16))},
	} {
		if diff := cmp.Diff(test.want, test.got, ignoreLayout); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.name, diff)
		}
	}
	if c := note.by["boundary"]; c.Type != captureTime || c.Flags != captureFirst {
		t.Errorf("a time: %+v", c)
	}
	if c := done.by["ok"]; c.Flags != captureEquals || c.Max != 7 || c.Arg.Base != rcx {
		t.Errorf("a number that is compared: %+v", c)
	}
	if c := done.by["status"]; c.Flags != captureEquals || c.Max != 3 || c.Role != roleFailed {
		t.Errorf("a path that is a comparison: %+v", c)
	}
	if c := done.by["user"]; c.Type != captureString || c.Max != 33 {
		t.Errorf("a string: %+v", c)
	}
	if note.spec.Flags != specLastNote || done.spec.Flags != specAfterNote {
		t.Errorf("flags %d and %d", note.spec.Flags, done.spec.Flags)
	}
}

func TestCapturesComeInTheOrderOfWhatTheyDependOn(t *testing.T) {
	done := compileTier(t, "query")[2]
	want := []string{"status", "error", "user", "id", "late", "owner", "mark", "ok", "detail", "member", "both", "text"}
	if diff := cmp.Diff(want, done.order); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if done.spec.Early != 2 {
		t.Errorf("%d are read before it is decided, want status and error", done.spec.Early)
	}
	slots := map[string]uint8{}
	for name, c := range done.by {
		slots[name] = c.Slot + 1
	}
	for name, condition := range map[string]string{"error": "status", "detail": "ok", "user": ""} {
		if got := done.by[name].Needs; got != slots[condition] {
			t.Errorf("%s needs %d, want %d", name, got, slots[condition])
		}
	}
}

func TestWhatAProgramLacksIsLeftOutWithTheReason(t *testing.T) {
	missing := compileTier(t, "query")[0].missing
	for name, want := range map[string]string{
		"unknown":   "gone is not exported",
		"lost":      "it begins with unknown: gone is not exported",
		"dependent": "it depends on lost: it begins with unknown",
		"nothing":   "no such variable",
		"both":      "gone is not exported", // at the start; the end has it
	} {
		if !strings.Contains(missing[name], want) {
			t.Errorf("%s: %q, want %q", name, missing[name], want)
		}
	}
	if len(missing) != 5 {
		t.Errorf("got %v", missing)
	}
	probes := compileTier(t, "other")
	if probes[0].missing["needy"] != "gone is not exported" || len(probes[0].order) != 1 {
		t.Errorf("got %v, missing %v", probes[0].order, probes[0].missing)
	}
	want := bpf.ProgramsArg{Kind: argReg, Size: 4, IsSigned: 1}
	if diff := cmp.Diff(want, probes[1].by["result"].Arg, ignoreLayout); diff != "" {
		t.Errorf("a result: -want +got:\n%s", diff)
	}
}

func TestChainsOfConditionsAreReadFromTheirBeginning(t *testing.T) {
	captures := catalog.Captures{
		{Name: "a", Type: catalog.TypeU8, If: "b"}, {Name: "text", Type: catalog.TypeSQL, If: "a"},
		{Name: "b", Type: catalog.TypeU8, If: "c"}, {Name: "d", Type: catalog.TypeString}, {Name: "c", Type: catalog.TypeU8, If: "elsewhere"},
		{Name: "error", Type: catalog.TypeU8, If: "b"},
	}
	var got []string
	for _, c := range ordered(captures, (&place{roles: &catalog.Roles{Error: "error"}}).isEarly) {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff([]string{"c", "b", "error", "a", "d", "text"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTooManyLoadsAreRefused(t *testing.T) {
	arg := bpf.ProgramsArg{Kind: argReg, Loads: 4}
	if _, err := behind(arg, []int{0}, catalog.TypeU64); err == nil {
		t.Error("a fifth load was accepted")
	}
	if _, err := behind(bpf.ProgramsArg{Add: 1<<31 - 1}, []int{1}, catalog.TypeU64); err == nil {
		t.Error("an offset beyond 32 bits was accepted")
	}
}

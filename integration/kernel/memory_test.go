// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// letters is what the fixture's rep:N is.
func letters(n int) string {
	return strings.Repeat("abcdefghijklmnopqrstuvwxyz", n/26+1)[:n]
}

const allButFaults = ^(bridge.FlagFault | bridge.FlagTextFault)

func TestKernelReadsStringsWhereTheyLie(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{})
	tests := []struct {
		name     string
		db, user string
		wantDB   string
		wantUser string
		fault    bool
	}{
		{"both are empty", "s:", "s:", "", "", false},
		{"the NUL is the last byte before an unmapped page", "end:shop", "end:alice", "shop", "alice", false},
		{"no NUL comes before an unmapped page", "s:shop", "open:alice", "shop", "", true},
		{"the page is not resident", "cold:shop", "cold:alice", "shop", "alice", false},
		{"the string crosses into a page that is not resident", "cross:shop", "cross:alice", "shop", "alice", false},
		{"the pointers are NULL", "null", "null", "", "", false},
		{"the page is not mapped", "s:shop", "unmapped", "shop", "", true},
		{"the namespace's page is not mapped", "unmapped", "s:alice", "", "alice", true},
		{"the address is the kernel's", "s:shop", "kernel", "shop", "", true},
		{"a string is as long as fits", "s:" + letters(63), "s:" + letters(63), letters(63), letters(63), false},
		{"a string is longer than fits", "s:" + letters(64), "s:" + letters(200), letters(63), letters(63), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := namespaces(o)
			f.do("start s:x 1 7 "+test.db+" "+test.user+" 0", done)
			r := o.one()
			if r.texts["namespace"] != test.wantDB || r.texts["user"] != test.wantUser ||
				r.Flags&bridge.FlagFault != 0 != test.fault {
				t.Errorf("namespace %q, user %q, flags %#x", r.texts["namespace"], r.texts["user"], r.Flags)
			}
			if r.texts["text"] != "x" || r.values["connection"] != 7 {
				t.Errorf("the rest is wrong too: %v %v", r.texts, r.values)
			}
			after := namespaces(o)
			after[test.wantDB]--
			if after[test.wantDB] == 0 {
				delete(after, test.wantDB)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("another namespace was counted (-before +after):\n%s", diff)
			}
		})
	}
}

// namespaces returns how many queries of each namespace the histograms hold.
func namespaces(o *observer) map[string]uint64 {
	n := make(map[string]uint64)
	for _, p := range o.histograms("query") {
		n[p.Namespace] += p.Count
	}
	return n
}

func TestKernelKeepsHeadAndTailOfATextOfKnownLength(t *testing.T) {
	t.Parallel()
	const head, tail = 256, 512
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, fixtureProfile, probes.Config{Programs: probes.Programs{TextHead: head}})
	for _, n := range []int{0, 1, head - 1, head, head + 1, head + tail - 1, head + tail, head + tail + 1, 1 << 20} {
		for _, kind := range []string{"rep", "repopen"} {
			t.Run(fmt.Sprintf("%s %d", kind, n), func(t *testing.T) {
				f.do(fmt.Sprintf("start %s:%d %d 1 s:d s:u 0", kind, n, n), done)
				r := o.one()
				all := letters(n)
				want := map[string]string{"text": all[:min(n, head)], "tail": all[n-min(max(n-head, 0), tail):],
					"namespace": "d", "user": "u"}
				if diff := cmp.Diff(want, r.texts); diff != "" {
					t.Errorf("texts (-want +got):\n%s", diff)
				}
				if r.TextLength != uint64(n) || r.Flags&bridge.FlagTextCut != 0 != (n > head) ||
					r.Flags&^allButFaults != 0 || r.Flags&bridge.FlagHasText == 0 {
					t.Errorf("length %d, flags %#x", r.TextLength, r.Flags)
				}
			})
		}
	}
}

func TestKernelKeepsTheHeadOfATextThatEndsWithANul(t *testing.T) {
	t.Parallel()
	const head = 256
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, variant(t, knownText, endedText), probes.Config{Programs: probes.Programs{TextHead: head}})
	for _, n := range []int{0, 1, head - 1, head, head + 1, 1 << 20} {
		for _, kind := range []string{"rep", "repend"} {
			t.Run(fmt.Sprintf("%s %d", kind, n), func(t *testing.T) {
				f.do(fmt.Sprintf("start %s:%d 0 1 s:d s:u 0", kind, n), done)
				r := o.one()
				length := n
				if n > head {
					length = 0 // not known
				}
				if r.texts["text"] != letters(n)[:min(n, head)] || r.texts["tail"] != "" {
					t.Errorf("texts %v", r.texts)
				}
				if r.TextLength != uint64(length) || r.Flags&bridge.FlagTextCut != 0 != (n > head) || r.Flags&^allButFaults != 0 {
					t.Errorf("length %d, flags %#x", r.TextLength, r.Flags)
				}
			})
		}
	}
}

func TestKernelReadsTextsThatAreHardToReach(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	known := observe(t, f, fixtureProfile, probes.Config{Programs: probes.Programs{TextHead: 4096}})
	tests := []struct {
		name       string
		text       string
		length     uint64
		wantText   string
		wantTail   string
		wantLength uint64
		fault      bool
	}{
		{"no page is resident", "coldrep:9000", 9000, letters(4096), letters(9000)[9000-512:], 9000, false},
		{"the page is not mapped", "unmapped", 10, "", "", 10, true},
		{"the pointer is NULL", "null", 10, "", "", 0, true},
		{"the address is the kernel's", "kernel", 4096, "", "", 4096, true},
		{"the address is the kernel's, and far", "kernel", 1 << 30, "", "", 1 << 30, true},
		{"the text ends before its length", "repopen:100", 200, "", "", 200, true},
		{"the text ends before its tail", "repopen:5000", 8000, letters(4096), "", 8000, true},
		{"the length is no length", "repopen:5000", 1<<64 - 1, "", "", 0, true},
		{"the length has more than 32 bits", "repopen:5000", 1<<32 + 1, "", "", 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.do(fmt.Sprintf("start %s %d 7 s:d s:u 0", test.text, test.length), done)
			r := known.one()
			want := map[string]string{"text": test.wantText, "tail": test.wantTail, "namespace": "d", "user": "u"}
			if diff := cmp.Diff(want, r.texts); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			if r.TextLength != test.wantLength || r.Flags&bridge.FlagTextFault != 0 != test.fault || r.Flags&bridge.FlagFault != 0 {
				t.Errorf("length %d, flags %#x", r.TextLength, r.Flags)
			}
		})
	}
}

const shapesProfile = `
profile: fixture
match: {executables: [fixture]}
operations:
  shapes:
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:shapes__start
          capture:
            constant: {arg: 0, type: i64}
            register: {arg: 1, type: i64}
            high_byte: {arg: 2, type: u64}
            low_byte: {arg: 3, type: i64}
            word: {arg: 4, type: u64}
            memory: {arg: 5, type: i64}
            indexed: {arg: 6, type: u64}
            indexed_wide: {arg: 7, type: u64}
        done: {probe: "usdt:exe:fixture:shapes__done"}
  narrow:
    tiers:
      - tier: usdt
        start:
          probe: usdt:exe:fixture:query__start
          capture:
            byte: {arg: 2, type: u8}
            signed_byte: {arg: 2, type: i8}
            word: {arg: 2, type: u16}
            signed_word: {arg: 2, type: i16}
            half: {arg: 2, type: u32}
            behind: {arg: 0, type: u8, offsets: [1]}
            chain: {arg: 4, type: u16, offsets: [8, 2]}
            end: {arg: 4, type: string, offsets: [8]}
        done:
          probe: usdt:exe:fixture:query__done
          capture: {signed_half: {arg: 0, type: i32}}
`

func TestKernelReadsEveryShapeOfArgument(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the shapes are those of x86-64")
	}
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, shapesProfile, probes.Config{})
	f.do("shapes")
	want := map[string]int64{
		"constant": -5, "register": -7, "high_byte": 0x80, "low_byte": -16, "word": 0x5678,
		"memory": -22, "indexed": 4_000_000_000, "indexed_wide": 0x1122334455667788,
	}
	if diff := cmp.Diff(want, o.one().values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}

	f.do("start s:abc 1 0x12345678fedcba98 null chain:path 0", "done -3 0 null 0")
	r := o.one()
	want = map[string]int64{
		"byte": 0x98, "signed_byte": -0x68, "word": 0xba98, "signed_word": -0x4568, "half": 0xfedcba98,
		"behind": 'b', "chain": 't' | 'h'<<8, "signed_half": -3,
	}
	if diff := cmp.Diff(want, r.values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if r.texts["end"] != "path" {
		t.Errorf("string behind a pointer: %q", r.texts["end"])
	}

	f.do("start unmapped 1 5 null chain:path 0", "done 0 0 null 0")
	if r = o.one(); r.Flags&bridge.FlagFault == 0 || r.values["behind"] != 0 || r.values["half"] != 5 {
		t.Errorf("through an unmapped pointer: flags %#x, values %v", r.Flags, r.values)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
)

// sessionPaths reads a session through the functions of the fixture.
const sessionPaths = `
profile: fixture
match: {executables: [fixture]}
system: mysql
dialect: mysql
paths:
  id: {of: session, getter: session_id}
  account: {of: session, getter: session_account}
  user: {of: account, getter: account_user}
  failed: {of: session, predicate: session_failed}
  outcome: {of: session, predicate: session_failed, take: 1}
  kind: {of: session, predicate: session_failed, take: 2}
  error: {of: outcome, setter: set_error, argument: 1}
  message: {of: outcome, getter: outcome_message}
  text: {of: session, getter: session_text}
  length: {of: session, getter: session_length}
  saved_id: {of: handle, getter: session_id}
operations:
  query:
    keep: set_x
    tiers:
      - tier: usdt
        follows: true
        start:
          probe: usdt:exe:fixture:command__start
          when: {arg: 2, type: u32, in: [3, 23]}
          args: {session: 0}
          capture:
            command: {arg: 2, type: u32}
            handle: {arg: 0, type: u64}
            context: {arg: 1, type: traceparent}
            opened_by: {path: user, type: string, max: 32}
        note:
          probe: usdt:exe:fixture:note
          capture:
            first: {arg: 1, type: u64, first: true}
            latest: {arg: 1, type: u64}
            hit: {constant: 7, type: u8}
            remark: {arg: 2, type: string, max: 200}
        done:
          probe: usdt:exe:fixture:command__end
          args: {session: 0}
          capture:
            id: {path: id, type: u64}
            saved: {path: saved_id, type: u64}
            user: {path: user, type: string, max: 32}
            status: {path: failed, type: u32}
            ok: {path: kind, type: u32, equals: 1}
            error: {path: error, type: u32, if: status}
            message: {path: message, type: string, if: status}
            owner: {variable: current_user, type: string, max: 32}
            letter: {variable: current_user, type: u8, offsets: [1]}
            text: {path: text, type: sql, length: {path: length}}
  step:
    parent: query
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:fixture:step__start", capture: {value: {arg: 0, type: u64}}}
        done: {probe: "usdt:exe:fixture:step__done"}
  call:
    tiers:
      - tier: uprobe
        start: {probe: "uprobe:exe:enter", capture: {kind: {arg: 0, type: i32}}}
        done: {probe: "uretprobe:exe:enter", capture: {result: {returned: true, type: i32}}}
`

func watchSession(t *testing.T, cfg probes.Config, replace ...string) (*fixture, *observer) {
	t.Helper()
	profile := sessionPaths
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(profile, replace[i]) {
			t.Fatalf("the profile has no %q", replace[i])
		}
		profile = strings.Replace(profile, replace[i], replace[i+1], 1)
	}
	f := startFixture(t, compileFixture(t, "probes.c"))
	return f, observe(t, f, profile, cfg)
}

const alice = "session 42 s:alice 0 s:SELECT_1"

func TestKernelWalksThePathsOfASession(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	tests := []struct {
		name, session string
		values        map[string]int64
		texts         map[string]string
		flags         bridge.RecordFlags
	}{
		{"it succeeded", alice, map[string]int64{"id": 42, "saved": 42, "ok": 1},
			map[string]string{"user": "alice", "opened_by": "alice", "text": "SELECT_1"}, 0},
		{"it failed", "session 43 cold:bob 1064 s:FAIL", map[string]int64{"id": 43, "saved": 43, "status": 1, "error": 1064},
			map[string]string{"user": "bob", "opened_by": "bob", "text": "FAIL", "message": "what went wrong"}, bridge.FlagFailed},
		{"a pointer on the way is NULL", "session 44 none 0 s:", map[string]int64{"id": 44, "saved": 44, "ok": 1},
			map[string]string{}, 0},
		{"a pointer at the end is NULL", "session 45 null 0 s:", map[string]int64{"id": 45, "saved": 45, "ok": 1},
			map[string]string{}, 0},
		{"a string is unreadable", "session 46 unmapped 0 s:X", map[string]int64{"id": 46, "saved": 46, "ok": 1},
			map[string]string{"text": "X"}, bridge.FlagFault},
		{"the text is unreadable", "session 47 s:eve 0 unmapped", map[string]int64{"id": 47, "saved": 47, "ok": 1},
			map[string]string{"user": "eve", "opened_by": "eve"}, bridge.FlagTextFault},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.do(test.session, "command 3", "end")
			r := o.one()
			want := map[string]int64{"command": 3, "letter": 'o'}
			for name, value := range test.values {
				want[name] = value
			}
			delete(r.values, "handle")
			if diff := cmp.Diff(want, present(r.values)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			test.texts["owner"] = "root"
			if diff := cmp.Diff(test.texts, presentTexts(r.texts)); diff != "" {
				t.Errorf("texts (-want +got):\n%s", diff)
			}
			if r.Flags != test.flags|bridge.FlagHasText {
				t.Errorf("flags %#x, want %#x and a text", r.Flags, test.flags)
			}
		})
	}
	o.counts("query")
}

// present leaves out what is 0.
func present(values map[string]int64) map[string]int64 {
	for name, value := range values {
		if value == 0 {
			delete(values, name)
		}
	}
	return values
}

// presentTexts leaves out what is empty.
func presentTexts(texts map[string]string) map[string]string {
	for name, text := range texts {
		if text == "" {
			delete(texts, name)
		}
	}
	return texts
}

func TestKernelReadsWhatAFunctionReturns(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	f.do("enter -9 null 0")
	if diff := cmp.Diff(map[string]int64{"kind": -9, "result": -8}, o.one().values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if c := o.counts("call"); c.Starts != 1 || c.Paired != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelReadsOnlyWhatItDecidesByOfWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{MinDuration: time.Hour}, "            opened_by: {path: user, type: string, max: 32}\n", "")
	f.do("session 1 cold:user 0 s:SELECT_1", "command 3", "end")
	if all := o.records(); len(all) != 0 {
		t.Fatalf("got %+v", all)
	}
	if got := f.do("touched"); got != "untouched" {
		t.Errorf("the user of a statement that was left out is %s", got)
	}
	f.do("session 1 cold:user 1064 s:SELECT_1", "command 3", "end")
	if r := o.one(); r.texts["user"] != "user" || r.values["error"] != 1064 {
		t.Errorf("what failed is sent whole, got %v %v", r.texts, r.values)
	}
	if got := f.do("touched"); got != "touched" {
		t.Errorf("the user of a statement that was sent is %s", got)
	}
	if c := o.counts("query"); c.Filtered != 1 || c.Submitted != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelKeepsWhatSetsSomethingForLater(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{MinDuration: time.Hour})
	for _, test := range []struct {
		text string
		kept bool
	}{
		{"s:SET_x=1", true}, {"s:set_X", true}, {"s:Set_xyz", true}, {"s:SET_", false}, {"s:SELECT_SET_x", false},
		{"s:", false}, {"end:SET", false}, {"unmapped", false}, {"null", false},
	} {
		f.do("session 1 s:u 0 "+test.text, "command 3", "end")
		all := o.records()
		if len(all) > 1 || test.kept != (len(all) == 1) {
			t.Errorf("%s: %d records", test.text, len(all))
		}
		for _, r := range all {
			if r.Flags != bridge.FlagUnchosen|bridge.FlagHasText || r.texts["user"] != "u" {
				t.Errorf("%s: flags %#x, texts %v", test.text, r.Flags, r.texts)
			}
		}
	}
	if c := o.counts("query"); c.Filtered != 6 || c.Submitted != 3 {
		t.Errorf("counts %+v", c)
	}
}

func TestKernelKeepsByTheTextOfTheStart(t *testing.T) {
	t.Parallel()
	f := startFixture(t, compileFixture(t, "probes.c"))
	o := observe(t, f, variant(t, "  query:\n", "  query:\n    keep: set_x\n"), probes.Config{MinDuration: time.Hour})
	f.do("start s:SET_xyz 7 1 s:d s:u 0", done,
		// What the buffer still holds of the one before is not of this one.
		"start s:SET_xyz 4 1 s:d s:u 0", done)
	if r := o.one(); r.texts["text"] != "SET_xyz" || r.Flags != bridge.FlagUnchosen|bridge.FlagHasText {
		t.Errorf("got %v, flags %#x", r.texts, r.Flags)
	}
	if c := o.counts("query"); c.Filtered != 1 || c.Submitted != 1 {
		t.Errorf("counts %+v", c)
	}
}

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestKernelFindsTheQueryAttribute(t *testing.T) {
	t.Parallel()
	f, o := watchSession(t, probes.Config{})
	f.do(alice)
	tests := []struct {
		name, attributes, want string
		fault                  bool
	}{
		{"there are none", "attributes 0 0 x s:y", "", false},
		{"it is the only one", "attributes 1 0 traceparent s:" + traceparent, traceparent, false},
		{"it is one of three", "attributes 3 1 traceparent s:" + traceparent, traceparent, false},
		{"it has another name", "attributes 3 1 traceparenT s:" + traceparent, "", false},
		{"it has a longer name", "attributes 3 1 traceparents s:" + traceparent, "", false},
		{"it is too short", "attributes 1 0 traceparent s:" + traceparent[1:], "", false},
		{"it is too long", "attributes 1 0 traceparent s:" + traceparent + "0", "", false},
		{"it is the last of 300", "attributes 300 299 traceparent s:" + traceparent, traceparent, false},
		{"16 others follow", "attributes 17 0 traceparent s:" + traceparent, "", false},
		{"15 others follow", "attributes 17 1 traceparent s:" + traceparent, traceparent, false},
		{"they are unreadable", "attributes 3 unmapped", "", true},
		{"its value is unreadable", "attributes 1 0 traceparent unmapped", "", true},
		{"their number is no number", "attributes 0xffffffffffffffff unmapped", "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f.do(test.attributes, "command 3", "end")
			r := o.one()
			if r.texts["context"] != test.want || r.Flags&bridge.FlagFault != 0 != test.fault {
				t.Errorf("context %q, flags %#x", r.texts["context"], r.Flags)
			}
			if r.texts["opened_by"] != "alice" || r.texts["text"] != "SELECT_1" {
				t.Errorf("the rest is wrong too: %v", r.texts)
			}
		})
	}
}

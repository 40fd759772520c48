// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

func failed(number uint64, state, message string) *Record {
	return whole("SELECT 1", func(r *Record) {
		r.Flags |= FlagFailed
		r.Values[slotError] = number
		r.Strings[slotSQLState], r.Strings[slotMessage] = []byte(state), []byte(message)
	})
}

func TestStatusTextIsTheSanitisedMessage(t *testing.T) {
	for _, test := range []struct {
		name   string
		record *Record
		raw    bool
		want   string
	}{
		{"a value is hidden", failed(1062, "23000", "Duplicate entry 'ada@example.org' for key 'mail'"), false, "Duplicate entry ?"},
		{"a message without values", failed(1213, "40001", "Deadlock found when trying to get lock"), false, "Deadlock found when trying to get lock"},
		{"raw where raw text is wanted", failed(1062, "23000", "Duplicate entry 'a\xff\x00' for key 'mail'"), true, "Duplicate entry 'a\uFFFD\uFFFD' for key 'mail'"},
		{"free text of SIGNAL", failed(1644, "45000", "ada owes money"), false, ""},
		{"free text of SIGNAL with another state", failed(1644, "12345", "ada owes money"), false, ""},
		{"free text of SIGNAL with another number", failed(1062, "45000", "ada owes money"), false, ""},
		{"free text of SIGNAL that found nothing", failed(1643, "02001", "ada owes money"), false, ""},
		{"free text of RAISE", failed(0, "P0001", "ada owes money"), false, ""},
		{"free text of ASSERT", failed(0, "P0004", "ada owes money"), false, ""},
		{"free text, raw", failed(1644, "45000", "ada owes money"), true, "ada owes money"},
		{"a message of which nothing is known", failed(0, "", "ada owes money"), false, ""},
		{"a number is enough", failed(1213, "", "Deadlock found"), false, "Deadlock found"},
		{"no message", failed(1213, "40001", ""), false, ""},
		{"a left-over of a statement before", whole("SELECT 1", func(r *Record) { r.Strings[slotMessage] = []byte("Deadlock found") }), true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{RawText: test.raw})
			a.Add(test.record)
			s := &a.Spans()[0]
			if s.StatusText != test.want {
				t.Errorf("got %q, want %q", s.StatusText, test.want)
			}
			for key := range attrsOf(s) {
				if key == "never.message" || key == "never.context" || key == "never.boundary" {
					t.Errorf("%s became an attribute", key)
				}
			}
		})
	}
}

func TestStatusCodeIsTheNumberOrTheSQLState(t *testing.T) {
	const status, kind, state = "db.response.status_code", "error.type", "spanbridge.sqlstate"
	packed := func(s string) (n uint64) {
		for i := range len(s) {
			n |= uint64(s[i]-'0') << (6 * i)
		}
		return n
	}
	for _, test := range []struct {
		name   string
		number bool // the operation captures error numbers
		packed bool // the SQLSTATE comes as an integer
		record *Record
		want   map[string]string
	}{
		{"number and state", true, false, failed(1213, "40001", ""), map[string]string{status: "1213", kind: "1213", state: "40001"}},
		{"a state alone", false, false, failed(0, "42P01", ""), map[string]string{status: "42P01", kind: "42P01", state: "42P01"}},
		{"a packed state", false, true, failed(0, "", ""), map[string]string{status: "42P01", kind: "42P01", state: "42P01"}},
		{"a number that is 0", true, false, failed(0, "HY000", ""), map[string]string{kind: "_OTHER", state: "HY000"}},
		{"a state that is none", false, false, failed(0, "4'2P0", ""), map[string]string{kind: "_OTHER"}},
		{"a state of another length", false, false, failed(0, "42P012", ""), map[string]string{kind: "_OTHER"}},
		{"the state of success", false, false, failed(0, "00000", ""), map[string]string{kind: "_OTHER"}},
		{"no failure", true, false, whole("SELECT 1", func(r *Record) { r.Strings[slotSQLState] = []byte("42P01") }), map[string]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(AssemblerConfig{})
			op := a.dir.Operation(opWhole)
			if !test.number {
				op.Field("error").Role = RoleNone
			}
			if test.packed {
				f := op.Field("sqlstate")
				f.Type, f.Slot = FieldInt, 5
				test.record.Values[5] = packed("42P01")
			}
			a.Add(test.record)
			got := attrsOf(&a.Spans()[0])
			for _, key := range []string{status, kind, state} {
				if got[key] != test.want[key] {
					t.Errorf("%s is %q, want %q", key, got[key], test.want[key])
				}
			}
		})
	}
}

func TestMySQLsSignalNumbersMeanNothingElsewhere(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.dir.Operation(opWhole).Dialect = sqltext.PostgreSQL
	a.Add(failed(1644, "42P01", "relation does not exist"))
	if got := a.Spans()[0].StatusText; got != "relation does not exist" {
		t.Errorf("got %q", got)
	}
}

func TestAStatusIsTheErrorNumberOrThePackedSQLSTATE(t *testing.T) {
	packed := Field{Role: RoleSQLState, Type: FieldUint}
	// MAKE_SQLSTATE('4','2','P','0','1')
	const undefinedTable = 4 | 2<<6 | ('P'-'0')<<12 | 0<<18 | 1<<24
	for _, c := range []struct {
		fields []Field
		status uint32
		want   string
	}{
		{[]Field{packed}, undefinedTable, "42P01"},
		{[]Field{{Role: RoleErrorNumber}}, 1054, "1054"},
		{[]Field{{Role: RoleErrorNumber}, packed}, 1054, "1054"},
		{[]Field{{Role: RoleSQLState, Type: FieldString}}, 7, "7"},
	} {
		if got := (&Operation{Fields: c.fields}).StatusCode(c.status); got != c.want {
			t.Errorf("StatusCode(%d) with %+v = %q, want %q", c.status, c.fields, got, c.want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/compare"
)

// none is of what tells nothing of statements, such as a phase.
const none compare.Kind = 255

// told is what the attributes of a span tell.
type told struct {
	kind       compare.Kind
	tier       string
	connection int64
	command    string
	text       string
	hasText    bool
	cut        bool
	unfinished bool
	number     string // of an error
	sqlstate   string
	database   string
	user       string

	sent, examined, affected int64
	hasRows                  bool
}

func readSpan(span *bridge.Span) (t told) {
	for i := range span.Attrs {
		switch a := &span.Attrs[i]; a.Key {
		case "spanbridge.tier":
			t.tier = a.Str()
		case "spanbridge.connection.id":
			t.connection = a.Int()
		case "spanbridge.command":
			t.command = a.Str()
		case "db.query.text":
			t.text, t.hasText = a.Str(), true
		case "spanbridge.query.truncated":
			t.cut = a.Bool()
		case "spanbridge.unfinished":
			t.unfinished = a.Bool()
		case "db.response.status_code":
			t.number = a.Str()
		case "spanbridge.sqlstate":
			t.sqlstate = a.Str()
		case "db.namespace":
			t.database = a.Str()
		case "user.name":
			t.user = a.Str()
		case "spanbridge.rows.sent":
			t.sent, t.hasRows = a.Int(), true
		case "spanbridge.rows.examined":
			t.examined = a.Int()
		case "spanbridge.rows.affected":
			t.affected = a.Int()
		}
	}
	t.kind = t.kindOf(span)
	return t
}

// kindOf tells statements of clients from those of procedures, and from what is no statement. Only
// tiers without commands do not tell of prepares.
func (t *told) kindOf(span *bridge.Span) compare.Kind {
	switch {
	case span.Kind == bridge.KindInternal && t.hasText:
		return compare.Inner
	case span.Kind != bridge.KindServer || t.connection == 0:
		return none
	case t.command == "Query":
		return compare.Query
	case t.command == "Execute":
		return compare.Execute
	case t.hasText && !t.commands():
		return compare.Query
	}
	return compare.Other
}

// commands reports whether the tier tells which command a statement came by.
func (t *told) commands() bool { return t.tier != "usdt" && t.tier != "plugin" }

func (t *told) statement(span *bridge.Span, texts *interner) compare.Statement {
	s := compare.Statement{
		Kind: t.kind, Cut: t.cut, Connection: uint64(t.connection), Start: span.StartNs,
		Text: texts.text(t.text), SQLState: texts.text(t.sqlstate), Database: texts.text(t.database), User: texts.text(t.user),
		Sent: uint64(t.sent), Affected: uint64(t.affected), Examined: uint64(t.examined),
		Has: compare.FieldsOf(compare.FieldDatabase),
	}
	if t.kind.Counts() {
		s.Has |= compare.FieldsOf(compare.FieldUser)
	}
	if t.hasText {
		s.Has |= compare.FieldsOf(compare.FieldText)
	}
	s.Duration = time.Duration(span.EndNs - span.StartNs)
	if t.unfinished {
		return s // until then
	}
	s.Has |= compare.FieldsOf(compare.FieldDuration)
	if t.hasRows {
		s.Has |= compare.FieldsOf(compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined)
	}
	t.failure(&s, span.Status == bridge.StatusError)
	return s
}

// failure sets what is known of a failure: some tiers have no number, and some no SQLSTATE.
func (t *told) failure(s *compare.Statement, failed bool) {
	if n, err := strconv.ParseUint(t.number, 10, 32); err == nil || !failed {
		s.Error = uint32(n)
		s.Has |= compare.FieldsOf(compare.FieldError)
	}
	if t.commands() && (!failed || t.sqlstate != "") {
		s.Has |= compare.FieldsOf(compare.FieldSQLState)
	}
}

// interner keeps copies of strings: those of a span are the bridge's.
type interner struct{ known map[string]string }

const maxKnown = 64 << 10

func (n *interner) text(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := n.known[s]; ok {
		return known
	}
	if n.known == nil || len(n.known) >= maxKnown {
		n.known = make(map[string]string)
	}
	s = strings.Clone(s)
	n.known[s] = s
	return s
}

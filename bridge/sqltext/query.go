// SPDX-License-Identifier: Apache-2.0

package sqltext

import "github.com/DataDog/go-sqllexer"

// notNames are words that do not name a table where a table may be named.
var notNames = words(
	"SELECT", "WITH", "VALUES", "VALUE", "TABLE", "SET", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT",
	"OFFSET", "FETCH", "FOR", "UNION", "EXCEPT", "INTERSECT", "RETURNING", "INTO", "JOIN", "STRAIGHT_JOIN", "LEFT",
	"RIGHT", "INNER", "OUTER", "CROSS", "NATURAL", "FULL", "ON", "USING", "AS", "ONLY", "LATERAL", "LOW_PRIORITY",
	"HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "DUAL", "DEFAULT", "NULL", "TRUE", "FALSE", "IF", "NOT", "EXISTS",
	"AND", "OR", "IN", "LIKE", "BY", "CONCURRENTLY", "TO", "END",
)

// endTables are the words after which a query names no more tables until the
// next FROM, JOIN or INTO.
var endTables = words(
	"SET", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "WINDOW", "FOR", "VALUES", "VALUE", "UNION", "EXCEPT",
	"INTERSECT", "RETURNING", "OFFSET", "FETCH", "INTO", "PROCEDURE",
)

// queryVerbs begin a query, whose tables are found by its clauses.
var queryVerbs = words("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH")

func words(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, w := range list {
		set[w] = true
	}
	return set
}

// frame is the state of a query within one pair of parentheses.
type frame struct {
	verb   string // in capitals
	tables bool   // in a list of tables: a comma leads to the next one
	want   bool   // the next word names a table
	ctes   bool   // in the list of common table expressions
}

// query walks through a query with its subqueries to the end of the statement.
// With begin, a verb that begins a query may come first; later ones are looked
// for after parentheses and common table expressions, where "FOR UPDATE" and
// the like do not stand. SELECT counts everywhere.
func (w *walker) query(begin bool) {
	stack := make([]frame, 0, 8)
	var f frame
	var last string
	for ; w.more() && !w.is(";"); w.pos++ {
		t := w.at(0)
		switch {
		case t.upper == "(":
			stack = append(stack, f)
			f.want = f.want && last != "USING"
			f = frame{tables: f.want, want: f.want}
			begin = true
		case t.upper == ")":
			if n := len(stack); n > 0 {
				f, stack = stack[n-1], stack[:n-1]
				f.want = false
			}
			begin = f.ctes
		case t.upper == ",":
			f.want = f.want || f.tables
			begin = false
		case t.upper == "SELECT" || begin && queryVerbs[t.upper] && w.at(1).upper != "(" ||
			begin && t.upper == "VALUES":
			begin = w.verb(&f)
		case t.isWord() || t.typ == sqllexer.QUOTED_IDENT:
			w.word(&f, last)
			begin = false
		}
		last = t.upper
	}
}

// verb handles the verb of a query. It reports whether another one may follow.
func (w *walker) verb(f *frame) bool {
	t := w.at(0)
	if t.upper == "WITH" {
		*f = frame{ctes: true}
		return false
	}
	*f = frame{verb: t.upper}
	w.operation(t.value)
	switch t.upper {
	case "INSERT", "REPLACE", "MERGE", "TABLE":
		f.want = true
	case "UPDATE":
		f.want, f.tables = true, true
	}
	return false
}

// word handles a word or quoted name within a query.
func (w *walker) word(f *frame, last string) {
	t := w.at(0)
	if f.ctes {
		if name := t.name(); name != "" && (last == "WITH" || last == "RECURSIVE" || last == ",") && t.upper != "RECURSIVE" {
			w.ctes = append(w.ctes, name)
		}
		return
	}
	if t.isWord() {
		switch {
		case t.upper == "FROM":
			if f.verb != "" && last != "DISTINCT" {
				f.want, f.tables = true, true
			}
			return
		case t.upper == "JOIN" || t.upper == "STRAIGHT_JOIN":
			f.want = f.tables
			return
		case t.upper == "USING":
			if f.verb == "DELETE" || f.verb == "MERGE" {
				f.want, f.tables = true, true
			}
			return
		case t.upper == "INTO" && f.verb != "SELECT" && f.want:
			return
		case endTables[t.upper]:
			f.want, f.tables = false, false
			return
		}
	}
	if !f.want {
		return
	}
	name := t.name()
	if name == "" {
		return
	}
	f.want = false
	// A name before a parenthesis is a table with columns after INSERT INTO,
	// and a function elsewhere.
	if t.typ != sqllexer.FUNCTION || f.verb == "INSERT" || f.verb == "REPLACE" || f.verb == "MERGE" {
		w.target(name)
	}
}

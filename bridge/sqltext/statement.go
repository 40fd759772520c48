// SPDX-License-Identifier: Apache-2.0

package sqltext

import "github.com/DataDog/go-sqllexer"

// form says where a kind of statement has its operation and targets.
type form uint8

const (
	formNone   form = iota
	formQuery       // see query
	formBare        // the verb says it all: COMMIT
	formPhrase      // the verb and the next word: START TRANSACTION
	formName        // the verb and a name: USE db
	formObject      // the verb, a kind of object and its name: DROP TABLE t
	formOn          // the verb and the name after ON: GRANT ... ON t
	formExplain
	formShow
	formSet
	formLoad
)

func verbForm(verb string) form {
	switch verb {
	case "SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "(":
		return formQuery
	case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "END", "ABORT", "DO", "KILL", "SHUTDOWN", "BINLOG", "SIGNAL",
		"RESIGNAL", "CHECKPOINT", "GET", "RESTART", "CLONE", "HELP":
		return formBare
	case "START", "STOP", "FLUSH", "RESET", "PURGE", "CHANGE", "UNLOCK", "RELEASE", "XA", "INSTALL", "UNINSTALL",
		"DEALLOCATE", "DISCARD", "CACHE", "IMPORT", "REASSIGN":
		return formPhrase
	case "USE", "CALL", "EXECUTE", "EXEC", "PREPARE", "HANDLER", "COPY", "VACUUM", "CLUSTER", "LISTEN", "NOTIFY",
		"UNLISTEN", "DECLARE", "FETCH", "MOVE", "CLOSE":
		return formName
	case "CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "REINDEX",
		"REFRESH", "COMMENT", "LOCK":
		return formObject
	case "GRANT", "REVOKE":
		return formOn
	case "EXPLAIN", "DESCRIBE", "DESC", "ANALYZE":
		return formExplain
	case "SHOW":
		return formShow
	case "SET":
		return formSet
	case "LOAD":
		return formLoad
	}
	return formNone
}

// statement summarises the statement that begins here. It may stop anywhere
// before the statement's end.
func (w *walker) statement() {
	w.skip("{")
	t := w.at(0)
	switch verbForm(t.upper) {
	case formQuery:
		w.query(true)
	case formBare:
		w.operation(t.value)
	case formPhrase:
		w.phrase()
	case formName:
		w.operation(t.value)
		w.pos++
		w.skip("IMMEDIATE", "FROM", "IN", "NEXT", "PRIOR", "VERBOSE", "FULL", "ANALYZE", "FREEZE")
		w.target(w.at(0).name())
		if t.upper == "DECLARE" || t.upper == "PREPARE" || t.upper == "COPY" {
			w.pos++
			w.query(false)
		}
	case formObject:
		w.object()
	case formOn:
		w.operation(t.value)
		if w.seek("ON") {
			w.pos++
			w.skip("TABLE", "TABLES", "ALL", "IN", "DATABASE", "SCHEMA", "FUNCTION", "PROCEDURE", "SEQUENCE")
			w.target(w.at(0).name())
		}
	case formExplain:
		w.explain()
	case formShow:
		w.show()
	case formSet:
		w.set()
	case formLoad:
		w.phrase()
		if w.seek("TABLE") {
			w.pos++
			w.target(w.at(0).name())
		}
	}
}

// phrase takes the verb and the word after it for the operation.
func (w *walker) phrase() {
	verb, next := w.at(0), w.at(1)
	w.pos++
	if next.isWord() {
		w.operation(verb.value, next.value)
		w.pos++
		return
	}
	w.operation(verb.value)
}

// objects are the kinds of objects; the value tells what follows the name.
var objects = map[string]objectTail{
	"TABLE": tailQuery, "VIEW": tailQuery, "TABLES": tailNames,
	"INDEX": tailNone, "DATABASE": tailNone, "SCHEMA": tailNone, "SEQUENCE": tailNone, "SERVER": tailNone,
	"TABLESPACE": tailNone, "TYPE": tailNone, "EXTENSION": tailNone, "DOMAIN": tailNone, "POLICY": tailNone,
	"PUBLICATION": tailNone, "SUBSCRIPTION": tailNone, "RULE": tailNone, "LANGUAGE": tailNone, "COLUMN": tailNone,
	"PROCEDURE": tailBody, "FUNCTION": tailBody, "TRIGGER": tailBody, "EVENT": tailBody, "PACKAGE": tailBody,
	"USER": tailPrivate, "ROLE": tailPrivate,
}

type objectTail uint8

const (
	tailNone    objectTail = iota
	tailQuery              // CREATE TABLE t AS SELECT ...; DROP TABLE t, u
	tailNames              // LOCK TABLES t READ, u WRITE
	tailBody               // statements with their own semicolons
	tailPrivate            // the name is that of a person
)

// maxModifiers bounds how far the kind of object stands from the verb:
// CREATE OR REPLACE ALGORITHM = MERGE DEFINER = a @ b SQL SECURITY INVOKER VIEW.
const maxModifiers = 20

// object summarises a statement about an object.
func (w *walker) object() {
	verb := w.at(0)
	for n := 1; n <= maxModifiers; n++ {
		t := w.at(n)
		if t.upper == ";" || t.upper == "(" || t.upper == "AS" {
			break
		}
		tail, ok := objects[t.upper]
		if !ok || !t.isWord() {
			continue
		}
		w.operation(verb.value, t.value)
		w.pos += n + 1
		w.objectNames(verb.upper, tail)
		return
	}
	// TRUNCATE t; LOCK t
	w.operation(verb.value)
	w.pos++
	if verb.upper == "TRUNCATE" || verb.upper == "LOCK" {
		w.names()
	}
}

func (w *walker) objectNames(verb string, tail objectTail) {
	w.skip("IF", "NOT", "EXISTS", "CONCURRENTLY", "ONLY", "WAIT", "NOWAIT")
	if tail == tailPrivate {
		return
	}
	if tail != tailBody && (verb != "CREATE" && verb != "ALTER" && verb != "COMMENT" || tail == tailNames) {
		w.names()
		return
	}
	w.target(w.at(0).name())
	w.pos++
	switch {
	case tail == tailQuery && verb == "CREATE":
		w.query(false)
	case tail == tailBody && verb == "CREATE":
		w.pos = len(w.tokens)
	}
}

// names takes the names of a list, of which each may be followed by words:
// "t READ, u WRITE", "t TO u".
func (w *walker) names() {
	for want, depth := true, 0; w.more() && !w.is(";"); w.pos++ {
		t := w.at(0)
		switch {
		case t.upper == "(":
			depth++
		case t.upper == ")":
			depth--
		case depth > 0:
		case t.upper == "," || t.upper == "TO":
			want = true
		case t.upper == "ON" && !want:
			return // DROP INDEX i ON t
		case want:
			if name := t.name(); name != "" {
				w.target(name)
				want = false
			}
		}
	}
}

// explain summarises EXPLAIN with its statement, DESCRIBE t and ANALYZE TABLE t.
func (w *walker) explain() {
	verb, next := w.at(0), w.at(1)
	if verb.upper == "ANALYZE" && (next.upper == "TABLE" || next.upper == "LOCAL" || next.upper == "NO_WRITE_TO_BINLOG") {
		w.object()
		return
	}
	w.operation(verb.value)
	w.pos++
	for i := w.pos; i < len(w.tokens) && w.tokens[i].upper != ";"; i++ {
		if t := &w.tokens[i]; t.typ != sqllexer.QUOTED_IDENT && queryVerbs[t.upper] {
			w.pos = i
			w.query(true)
			return
		}
	}
	w.target(w.at(0).name())
}

// maxShow bounds the words of a SHOW statement that count as its operation.
const maxShow = 4

// show takes the words up to a clause for the operation: SHOW FULL COLUMNS.
func (w *walker) show() {
	op := []string{w.at(0).value}
	w.pos++
	for len(op) < maxShow && w.at(0).isWord() {
		switch w.at(0).upper {
		case "FROM", "IN", "LIKE", "WHERE", "FOR", "ON", "LIMIT":
		default:
			op = append(op, w.at(0).value)
			w.pos++
			continue
		}
		break
	}
	w.operation(op...)
	if w.at(0).typ == sqllexer.QUOTED_IDENT {
		w.target(w.at(0).name())
	} else if w.is("FROM") || w.is("IN") {
		w.pos++
		w.target(w.at(0).name())
	}
}

// set summarises SET, whose variables are too many to be of use, and MariaDB's
// SET STATEMENT ... FOR with its statement.
func (w *walker) set() {
	switch w.at(1).upper {
	case "NAMES", "TRANSACTION", "PASSWORD", "ROLE", "CHARACTER", "CONSTRAINTS":
		w.phrase()
	case "STATEMENT":
		w.phrase()
		if w.seek("FOR") {
			w.pos++
			w.query(true)
		}
	default:
		w.operation(w.at(0).value)
	}
}

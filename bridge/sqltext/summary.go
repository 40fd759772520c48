// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"slices"
	"strings"

	"github.com/DataDog/go-sqllexer"
)

// MaxSummary is the length in bytes to which a summary is cut. OpenTelemetry
// asks for 255 characters.
const MaxSummary = 255

// Summary is a short description of a statement that does not depend on its
// literals: OpenTelemetry's db.query.summary
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/).
type Summary struct {
	// Text is "{operation} {target} {target} {operation} ...", at most
	// [MaxSummary] bytes and cut between words. Several statements are
	// separated by ';'. Text is empty if the statement does not begin with a
	// known operation.
	Text string
	// Operation is the first operation in Text, such as "SELECT" or
	// "CREATE TABLE".
	Operation string
	// Tables holds the different targets in Text in their order.
	Tables []string
}

// Summarize summarises a text that [AppendSanitized] made; literals in any
// other text could end up in the summary. Operations and targets are written
// as in the text, case and quotes included, as OpenTelemetry asks for. Names of
// common table expressions, users and savepoints are left out, and so are the
// bodies of stored routines.
//
// It takes some microseconds and allocates: a [Cache] calls it once for each
// digest.
func Summarize(sanitized string, d Dialect) Summary {
	w := walker{tokens: tokens(sanitized, d)}
	for w.more() {
		if w.is(";") {
			w.pos++
			w.separator = "; "
			continue
		}
		w.statement()
		w.skipStatement()
	}
	w.summary.Text = w.text.String()
	return w.summary
}

// token is a token of the lexer with its value in capitals.
type token struct {
	typ   sqllexer.TokenType
	value string
	upper string
}

// tokens returns the tokens that are neither white space nor comments.
func tokens(text string, d Dialect) []token {
	dbms := sqllexer.DBMSMySQL
	if d == PostgreSQL {
		dbms = sqllexer.DBMSPostgres
	}
	lexer := sqllexer.New(text, sqllexer.WithDBMS(dbms))
	out := make([]token, 0, len(text)/5+4)
	adjacent := false
	for {
		t := lexer.Scan()
		switch t.Type {
		case sqllexer.EOF:
			return out
		case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
			adjacent = false
			continue
		}
		if t.Type == sqllexer.QUOTED_IDENT && adjacent {
			// The lexer splits a name at a doubled quote.
			last := &out[len(out)-1]
			last.value += t.Value
			last.upper = last.value
			continue
		}
		adjacent = t.Type == sqllexer.QUOTED_IDENT
		upper := t.Value
		if t.Type != sqllexer.QUOTED_IDENT {
			upper = strings.ToUpper(upper)
		}
		out = append(out, token{typ: t.Type, value: t.Value, upper: upper})
	}
}

// isWord reports whether t is an unquoted word.
func (t *token) isWord() bool {
	switch t.typ {
	case sqllexer.IDENT, sqllexer.FUNCTION, sqllexer.COMMAND, sqllexer.KEYWORD, sqllexer.BOOLEAN, sqllexer.NULL,
		sqllexer.PROC_INDICATOR, sqllexer.CTE_INDICATOR, sqllexer.ALIAS_INDICATOR:
		return true
	}
	return false
}

// name returns what t names, or "". The lexer lets some operators be part of a
// name; it ends before them.
func (t *token) name() string {
	if t.typ == sqllexer.QUOTED_IDENT {
		return t.value
	}
	if !t.isWord() || notNames[t.upper] {
		return ""
	}
	name := t.value
	if i := strings.IndexAny(name, "?/#@!"); i >= 0 {
		name = name[:i]
	}
	return strings.TrimRight(name, ".")
}

// walker goes through the tokens of a text and collects the summary.
type walker struct {
	tokens    []token
	pos       int
	text      strings.Builder
	separator string // before the next statement
	full      bool
	summary   Summary
	ctes      []string
}

func (w *walker) more() bool { return w.pos < len(w.tokens) }

// at returns the token n places ahead; past the end it is an empty one.
func (w *walker) at(n int) *token {
	if i := w.pos + n; i < len(w.tokens) {
		return &w.tokens[i]
	}
	return &token{typ: sqllexer.EOF}
}

// is reports whether the next token is upper.
func (w *walker) is(upper string) bool { return w.at(0).upper == upper }

// skip skips the next tokens as long as they are among words.
func (w *walker) skip(words ...string) {
	for w.more() && slices.Contains(words, w.at(0).upper) {
		w.pos++
	}
}

// seek goes to the next token among words in this statement, if there is one.
func (w *walker) seek(words ...string) bool {
	for i := w.pos; i < len(w.tokens) && w.tokens[i].upper != ";"; i++ {
		if slices.Contains(words, w.tokens[i].upper) {
			w.pos = i
			return true
		}
	}
	return false
}

// skipStatement goes to the end of the statement.
func (w *walker) skipStatement() {
	for w.more() && !w.is(";") {
		w.pos++
	}
}

func (w *walker) operation(words ...string) {
	op := strings.Join(words, " ")
	if w.add(op) && w.summary.Operation == "" {
		w.summary.Operation = op
	}
}

func (w *walker) target(name string) {
	if name == "" || slices.Contains(w.ctes, name) {
		return
	}
	if w.add(name) && !slices.Contains(w.summary.Tables, name) {
		w.summary.Tables = append(w.summary.Tables, name)
	}
}

// add appends a word. Once one did not fit, none is added any more.
func (w *walker) add(word string) bool {
	separator := " "
	if w.text.Len() == 0 {
		separator = ""
	} else if w.separator != "" {
		separator = w.separator
	}
	if w.full || w.text.Len()+len(separator)+len(word) > MaxSummary {
		w.full = true
		return false
	}
	w.text.WriteString(separator)
	w.text.WriteString(word)
	w.separator = ""
	return true
}

// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/DataDog/go-sqllexer"
)

func FuzzSanitize(f *testing.F) {
	for _, c := range corpora {
		for _, s := range readCorpus(f, c.file) {
			f.Add([]byte(s), c.dialect == PostgreSQL)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, postgresql bool) {
		d := MySQL
		if postgresql {
			d = PostgreSQL
		}
		input := bytes.Clone(text)
		out, hash := AppendSanitized(nil, text, d)
		checkText(t, out, 3*len(text))
		if hash != Hash(out) {
			t.Errorf("the hash of %q is not that of the text", out)
		}
		if twice, _ := AppendSanitized(nil, out, d); !bytes.Equal(out, twice) {
			t.Errorf("sanitising %q gives %q, and again %q", text, out, twice)
		}
		if s := Summarize(string(out), d); len(s.Text) > MaxSummary || !utf8.ValidString(s.Text) {
			t.Errorf("the summary of %q is %q", out, s.Text)
		}
		cut, _ := AppendSanitizedCut(nil, text, d)
		checkText(t, cut, 3*len(text)+len(ellipsis))
		checkText(t, AppendSanitizedMessage(nil, text), MaxMessage)
		checkText(t, ValidUTF8(nil, text), MaxName)
		if !bytes.Equal(input, text) {
			t.Error("the input was changed")
		}
	})
}

func checkText(t *testing.T, out []byte, limit int) {
	t.Helper()
	if len(out) > limit {
		t.Errorf("%q has %d bytes, more than %d", out, len(out), limit)
	}
	if !utf8.Valid(out) {
		t.Errorf("%q is not valid UTF-8", out)
	}
	if i := bytes.IndexFunc(out, unicode.IsControl); i >= 0 {
		t.Errorf("%q has a control character at %d", out, i)
	}
}

func FuzzFindCarrier(f *testing.F) {
	for _, s := range []string{tag, "/*! a */" + tag, "-- traceparent=" + parent + "\n", "/*tracestate='a%3Db',traceparent=\"" + parent + "\"*/;"} {
		f.Add([]byte("SELECT 1"+s), []byte(s+"SELECT 'a'"), false)
		f.Add([]byte(s+"SELECT $a$ $a$"), []byte(s), true)
	}
	f.Fuzz(func(t *testing.T, head, tail []byte, postgresql bool) {
		d := MySQL
		if postgresql {
			d = PostgreSQL
		}
		for _, find := range []func() (Carrier, Result){
			func() (Carrier, Result) { return FindCarrier(head, d) },
			func() (Carrier, Result) { return FindCarrierCut(head, tail, d) },
		} {
			c, r := find()
			if (r == Found) == (c.TraceID == [16]byte{} || c.ParentID == [8]byte{}) {
				t.Errorf("%v comes with %+v", r, c)
			}
			if state := c.AppendState(nil); len(state) > maxState {
				t.Errorf("the state has %d bytes", len(state))
			}
		}
		// A comment that the sanitiser does not see as one is no carrier.
		if _, r := FindCarrier(head, d); r == Found {
			out, _ := AppendSanitized(nil, head, d)
			if bytes.Contains(out, []byte("traceparent='"+parent)) {
				t.Errorf("the carrier of %q is part of the text %q", head, out)
			}
		}
	})
}

// FuzzAgainstLexer builds statements of a grammar on which the referee, a
// lexer made by others, and this package have to agree: names and keywords
// survive, literals do not. The grammar keeps clear of what the referee takes
// for a part of a name, such as a comment right after one.
func FuzzAgainstLexer(f *testing.F) {
	f.Add([]byte("SELECT and so on"), false)
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22}, false)
	f.Add([]byte{22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, true)
	f.Fuzz(func(t *testing.T, seed []byte, postgresql bool) {
		d := MySQL
		if postgresql {
			d = PostgreSQL
		}
		text := grammarText(seed, d)
		got, _ := AppendSanitized(nil, []byte(text), d)
		if marks.Match(got) {
			t.Errorf("a literal of %q survives in %q", text, got)
		}
		if want := refereeText(text, d); string(got) != want {
			t.Errorf("%q becomes\n%q, the referee says\n%q", text, got, want)
		}
	})
}

// grammarText turns each pair of bytes of the seed into an operand and an
// operator, with white space and comments between them.
func grammarText(seed []byte, d Dialect) string {
	operands := []string{
		"orders", "t2.c3", "sbtest1", "NULL", "TRUE", "count(*)", "a_b", "(b1)", "'PII%d'", "'it''s PII%d'", "''", "9000%d",
		"9000%d.25", "0x9000%d", "9000%de10", "'/* PII%d'", "'-- PII%d'", "'\"PII%d`'", "'PII%d # '",
	}
	if d == PostgreSQL {
		operands = append(operands, `"Col 1"`, `"S"."T"`, `'PII%d\\'`, `$$PII%d'$$`, `$t$PII%d$t$`, "$1")
	} else {
		operands = append(operands, "`tbl 1`", "`db`.`t`", `'it\'s PII%d'`, `"PII%d"`, `"PII%d""'"`, `'PII%d\\\\'`)
	}
	operators := []string{" = ", ", ", " AND ", " < ", " /*PII*/ OR\n", " -- PII\n * ", "  LIKE\t", " /* 'PII */ ,", " + ", " BETWEEN "}
	var b strings.Builder
	b.WriteString("SELECT ")
	for i := 0; i+1 < len(seed); i += 2 {
		operand := operands[int(seed[i])%len(operands)]
		if strings.Contains(operand, "%d") {
			operand = fmt.Sprintf(operand, i)
		}
		b.WriteString(operand)
		b.WriteString(operators[int(seed[i+1])%len(operators)])
	}
	b.WriteString("x")
	return b.String()
}

// refereeText is what the referee makes of text, without comments and with
// single spaces.
func refereeText(text string, d Dialect) string {
	dbms := sqllexer.DBMSMySQL
	if d == PostgreSQL {
		dbms = sqllexer.DBMSPostgres
	}
	lexer := sqllexer.New(text, sqllexer.WithDBMS(dbms))
	obfuscator := sqllexer.NewObfuscator()
	var b strings.Builder
	for {
		token := lexer.Scan()
		switch token.Type {
		case sqllexer.EOF:
			return strings.Join(strings.Fields(b.String()), " ")
		case sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
			b.WriteByte(' ')
			continue
		}
		obfuscator.ObfuscateTokenValue(token, nil)
		b.WriteString(token.Value)
	}
}

// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSanitizeMessage(t *testing.T) {
	for _, tt := range []struct{ name, msg, want string }{
		{"a value and a key", "Duplicate entry 'bob@example.org' for key 'PRIMARY'", "Duplicate entry ?"},
		{"a value with a quote", "Duplicate entry 'O'Brien' for key 'name'", "Duplicate entry ?"},
		{"a value that looks like an end", "Duplicate entry 'x' secret' for key 'k'", "Duplicate entry ?"},
		{"the text after the last quote stays", "Table 'shop.orders' doesn't exist", "Table ? doesn't exist"},
		{"a piece of the statement", "You have an error in your SQL syntax; check the manual near 'secret = 'x' at line 1", "You have an error in your SQL syntax; check the manual near ?"},
		{"a piece that ends as it should", "syntax error near 'FORM t' at line 17", "syntax error near ? at line ?"},
		{"a message that was cut", "Truncated value 'a' near 'secret val", "Truncated value ?"},
		{"an account", "Access denied for user 'bob'@'10.1.2.3' (using password: YES)", "Access denied for user ? (using password: YES)"},
		{"nested quotes", "BIGINT UNSIGNED value is out of range in '(`a`.`t`.`b` - 5)'", "BIGINT UNSIGNED value is out of range in ?"},
		{"numbers", "Got error 150 from storage engine, limit 9000001.5", "Got error ? from storage engine, limit ?.?"},
		{"apostrophes of words are no quotes", "Can't create more than max_prepared_stmt_count statements", "Can't create more than max_prepared_stmt_count statements"},
		{"PostgreSQL's detail", "Key (email)=(bob (secret)) already exists.", "Key (email)=? already exists."},
		{"PostgreSQL's detail that was cut", "Key (email)=(bob secret", "Key (email)=?"},
		{"both", `duplicate key violates "u" Key (a)=(secret) exists in 'x' now`, "duplicate key violates ? now"},
		{"controls and invalid bytes", "bad \x1b[31m \xff thing", "bad \uFFFD[? \uFFFD thing"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := AppendSanitizedMessage([]byte("kept"), []byte(tt.msg))
			if diff := cmp.Diff("kept"+tt.want, string(got)); diff != "" {
				t.Errorf("AppendSanitizedMessage(%q) (-want +got):\n%s", tt.msg, diff)
			}
		})
	}
}

func TestMessagesAndNamesAreBounded(t *testing.T) {
	for _, unit := range []string{"a", "é ", "日 ", "\x00 ", "\xff ", "1 "} {
		text := []byte(strings.Repeat(unit, 1000))
		msg := AppendSanitizedMessage([]byte("kept"), text)
		name := ValidUTF8([]byte("kept"), text)
		if len(msg) > len("kept")+MaxMessage || !utf8.Valid(msg) {
			t.Errorf("a message of %q has %d bytes, valid: %v", unit, len(msg), utf8.Valid(msg))
		}
		if len(name) > len("kept")+MaxName || !utf8.Valid(name) {
			t.Errorf("a name of %q has %d bytes, valid: %v", unit, len(name), utf8.Valid(name))
		}
		if len(msg) < MaxMessage/4 || len(name) < MaxName/4 {
			t.Errorf("of %q, %d and %d bytes are left", unit, len(msg), len(name))
		}
	}
}

func TestValidUTF8(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain names stay", "bob", "bob"},
		{"every script stays", "żółć 日本 🙂", "żółć 日本 🙂"},
		{"an escape sequence is made inert", "\x1b]0;x\a", "\uFFFD]0;x\uFFFD"},
		{"C1 controls are made inert", "a\u009bb", "a\uFFFDb"},
		{"overrides of direction are made inert", "a\u202eb\u2066c\u200fd", "a\uFFFDb\uFFFDc\uFFFDd"},
		{"line separators are made inert", "a\nb\u2028c\rd\te\x7f", "a\uFFFDb\uFFFDc\uFFFDd\uFFFDe\uFFFD"},
		{"a run of invalid bytes is one", "a\xff\xfe\x80b\xc3", "a\uFFFDb\uFFFD"},
		{"NUL is made inert", "a\x00b", "a\uFFFDb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(ValidUTF8(nil, []byte(tt.in)))); diff != "" {
				t.Errorf("ValidUTF8(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

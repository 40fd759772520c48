// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first cases are the examples of the specification
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query).
func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Summary
	}{
		{"one table", "SELECT * FROM wuser_table WHERE username = ?", Summary{"SELECT wuser_table", "SELECT", []string{"wuser_table"}}},
		{"two operations", "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = ?",
			Summary{"INSERT shipping_details SELECT orders", "INSERT", []string{"shipping_details", "orders"}}},
		{"two tables", "SELECT * FROM songs, artists WHERE songs.artist_id == artists.id", Summary{"SELECT songs artists", "SELECT", []string{"songs", "artists"}}},
		{"an anonymous table", "SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id = c.customer_id)",
			Summary{"SELECT SELECT orders customers", "SELECT", []string{"orders", "customers"}}},
		{"quotes stay", "SELECT * FROM `song list`, db.`artists`, `we``ird`", Summary{"SELECT `song list` db.`artists` `we``ird`", "SELECT", []string{"`song list`", "db.`artists`", "`we``ird`"}}},
		{"case stays", "select a from T", Summary{"select T", "select", []string{"T"}}},
		{"a table twice is one table", "SELECT * FROM t a JOIN t b", Summary{"SELECT t t", "SELECT", []string{"t"}}},
		{"a table named by a keyword of other servers", "SELECT * FROM domain WHERE a = ?", Summary{"SELECT domain", "SELECT", []string{"domain"}}},
		{"statements are separated", "BEGIN; SELECT a FROM t; COMMIT", Summary{"BEGIN; SELECT t; COMMIT", "BEGIN", []string{"t"}}},
		{"an unknown verb says nothing", "FROBNICATE t", Summary{}},
		{"nothing says nothing", "", Summary{}},
		{"punctuation says nothing", ") ( ; , ?", Summary{}},
		{"a cut text has its summary", "SELECT a, b FROM t WHERE c IN (?…", Summary{"SELECT t", "SELECT", []string{"t"}}},
		{"a name at the cut goes up to it", "SELECT a FROM t, u…", Summary{"SELECT t u", "SELECT", []string{"t", "u"}}},
		{"FROM in functions names no table", "SELECT EXTRACT(DAY FROM d), TRIM(? FROM e), a IS DISTINCT FROM b FROM t", Summary{"SELECT t", "SELECT", []string{"t"}}},
		{"commas in expressions lead to no table", "SELECT * FROM t WHERE a IN (?) ORDER BY b, c", Summary{"SELECT t", "SELECT", []string{"t"}}},
		{"names of common table expressions are no tables", "WITH a AS (SELECT ? FROM x), b (c) AS (SELECT * FROM a) SELECT * FROM a, b, y",
			Summary{"SELECT x SELECT SELECT y", "SELECT", []string{"x", "y"}}},
		{"users are no targets", "DROP USER bob, alice", Summary{"DROP USER", "DROP USER", nil}},
		{"a JDBC escape is passed over", "{call p(?)}", Summary{"call p", "call", []string{"p"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Summarize(tt.text, MySQL)); diff != "" {
				t.Errorf("Summarize(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestSummaryIsCutBetweenWords(t *testing.T) {
	var text strings.Builder
	text.WriteString("SELECT * FROM a")
	for range 50 {
		text.WriteString(", table_of_thirty_two_characters_")
	}
	got := Summarize(text.String(), MySQL)
	if len(got.Text) > MaxSummary || !strings.HasSuffix(got.Text, " table_of_thirty_two_characters_") {
		t.Errorf("the summary has %d bytes: %q", len(got.Text), got.Text)
	}
	if len(got.Text) < MaxSummary-40 {
		t.Errorf("the summary has only %d bytes", len(got.Text))
	}
	long := Summarize("SELECT * FROM "+strings.Repeat("x", 300)+", y", MySQL)
	if long.Text != "SELECT" {
		t.Errorf("the summary is %q, want it to end before a name that is too long", long.Text)
	}
}

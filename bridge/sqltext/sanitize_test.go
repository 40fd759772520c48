// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type sanitizeCase struct{ name, text, want string }

func TestSanitizeMySQL(t *testing.T) {
	runSanitize(t, MySQL, []sanitizeCase{
		{"digits in names stay", "SELECT t2.c3, `db`.`tbl 1`.x FROM sbtest1, utf8mb4, a1b2_3", "SELECT t2.c3, `db`.`tbl 1`.x FROM sbtest1, utf8mb4, a1b2_3"},
		{"keywords stay", "SELECT TRUE, false, NULL, \\N", "SELECT TRUE, false, NULL, \\N"},
		{"numbers of every notation go", "SELECT 1, 1.5, 1., .5, 1e9, 1E-9, 0x1F, 0b01", "SELECT ?, ?, ?, ?, ?, ?, ?, ?"},
		{"a word that begins with a digit goes", "SELECT 1abc, 2024_orders.x, t.5, db.5x", "SELECT ?, ?, t.?, db.?"},
		{"a sign that is no operator goes with its number", "SELECT a=-1, (+2), f(1, -.5), a*-3, 5-3, 5 - 3, a -1", "SELECT a=?, (?), f(?, ?), a*?, ?-?, ? - ?, a -?"},
		{"two dashes before a digit are no comment", "SELECT 5--3", "SELECT ?- ?"},
		{"prefixes go with their strings", "SELECT N'a', x'41', X'41', b'1', _utf8'a', _utf8mb4x'41'", "SELECT ?, ?, ?, ?, ?, ?"},
		{"escaped and doubled quotes do not end a string", `SELECT 'it''s', 'it\'s', "a\"b", "a""b", '\\', 'x'`, "SELECT ?, ?, ?, ?, ?, ?"},
		{"adjacent strings are one literal", "SELECT 'a' \"b\"\n'c', 'd'", "SELECT ?, ?"},
		{"adjacent numbers are two", "SELECT 1 'a'", "SELECT ? ?"},
		{"white space collapses", " \t SELECT\r\n\v a ,\n\n b  ", "SELECT a , b"},
		{"comments count as white space", "/*a*/SELECT/**/a-- x\n,b# y\nFROM t/*c*/", "SELECT a ,b FROM t"},
		{"trailing semicolons go", "SELECT a ; ; ", "SELECT a"},
		{"statements stay apart", "SELECT 1; SELECT 2;", "SELECT ?; SELECT ?"},
		{"executable comments are code", "SELECT/*!50000a,*//*!999999 'x',*//*M!100100 b*/FROM t", "SELECT a, ?, b FROM t"},
		{"hints stay", "SELECT /*+ MAX_EXECUTION_TIME( 1000 )  */ a", "SELECT /*+ MAX_EXECUTION_TIME( ? ) */ a"},
		{"an apostrophe in a hint hides the rest", "SELECT /*+ it's */ 'secret', 'x'", "SELECT ?"},
		{"an open quote in an executable comment hides the rest", "SELECT /*!99999 it's */ 'secret'", "SELECT it?"},
		{"an unterminated string hides the rest", "SELECT a, 'secret FROM t", "SELECT a, ?"},
		{"an unterminated name hides the rest", "SELECT a, `secret FROM t", "SELECT a, ?"},
		{"an unterminated comment hides the rest", "SELECT a /* secret", "SELECT a ?"},
		{"a comment does not nest", "SELECT /* a /* b */ c", "SELECT c"},
		{"quotes of other kinds do not end a string", "SELECT 'a\"b`c', \"d'e`f\", `g'h\"i`", "SELECT ?, ?, `g'h\"i`"},
		{"comments within quotes are none", "SELECT '/*', a, '*/', `--`, '#'", "SELECT ?, a, ?, `--`, ?"},
		{"IN lists become short", "a IN (1,2,3) AND b in ( 'x' , 'y' ) AND c NOT IN (?, ?)", "a IN (?) AND b in ( ? ) AND c NOT IN (?)"},
		{"IN lists of prefixed strings become short", "a IN (x'41', x'42') AND b IN (N'a',_utf8'b', 'c', 1)", "a IN (?) AND b IN (?)"},
		{"IN lists keep what is no literal", "a IN (1, 2, b, 3, NULL, 4, 5)", "a IN (?, b, ?, NULL, ?)"},
		{"IN lists of tuples become short", "(a,b) IN ((1,2),(3,4), (5,6))", "(a,b) IN ((?,?))"},
		{"other lists stay", "f(1, 2, 3) LIMIT 10, 20", "f(?, ?, ?) LIMIT ?, ?"},
		{"a column called in is none", "SELECT t.in (1, 2)", "SELECT t.in (?, ?)"},
		{"the first row of VALUES stays", "INSERT INTO t VALUES (1,'a'), (2, NULL) ,(3,f(')')) ON DUPLICATE KEY UPDATE a=VALUES(a), b=VALUES(b)", "INSERT INTO t VALUES (?,?) ON DUPLICATE KEY UPDATE a=VALUES(a), b=VALUES(b)"},
		{"the first ROW stays", "VALUES ROW(1,2), ROW(3,4) LIMIT 1", "VALUES ROW(?,?) LIMIT ?"},
		{"half a row goes", "INSERT INTO t VALUES (1,'a'), (2, 'b", "INSERT INTO t VALUES (?,?)"},
		{"invalid UTF-8 and controls become U+FFFD", "SELECT a\xff\xfeb, \x00`c\x1bd`, 'x\xff', e\u009b, f\u202eg", "SELECT a\uFFFDb, \uFFFD`c\uFFFDd`, ?, e\uFFFD, f\uFFFDg"},
		{"names in any script stay", "SELECT naïve, 日本語 FROM `żółć`", "SELECT naïve, 日本語 FROM `żółć`"},
		{"accounts go", "GRANT ALL ON *.* TO 'bob'@'10.1.2.3', bob@10.1.2.3", "GRANT ALL ON *.* TO ?@?, bob@?"},
		{"a Windows path under NO_BACKSLASH_ESCAPES hides the rest", `SELECT 'C:\', 'secret'`, "SELECT ?"},
		{"so it does twice", `SELECT 'C:\', 'secret', 'D:\'`, "SELECT ?"},
		{"so it does in a row", `INSERT INTO t VALUES ('a', 'b\'), ('c\', 'secret')`, "INSERT INTO t VALUES (?, ?"},
		{"nothing comes of nothing", "", ""},
		{"a text of comments is empty", "-- a\n/* b */;", ""},
	})
}

func TestSanitizePostgreSQL(t *testing.T) {
	runSanitize(t, PostgreSQL, []sanitizeCase{
		{"double quotes hold names", `SELECT "Col 1", "we""ird" FROM "S"."T"`, `SELECT "Col 1", "we""ird" FROM "S"."T"`},
		{"a backslash does not escape", `SELECT 'C:\', b, 'x'`, `SELECT ?, b, ?`},
		{"a backslash escapes in E strings and their continuation", `SELECT E'it\'s', e'a' 'b\'c', d`, `SELECT ?, ?, d`},
		{"a word that ends in e is no prefix", `SELECT somee'a\', b`, `SELECT somee?, b`},
		{"an odd quote with backslashes hides the rest", `SELECT 'it\'s secret'`, `SELECT ?`},
		{"dollar quotes hold strings", "SELECT $$a'b$$, $t$ $$ $x$ $t$, c$d$e", "SELECT ?, ?, c$d$e"},
		{"an unterminated dollar quote hides the rest", "SELECT a, $t$ secret $x$", "SELECT a, ?"},
		{"parameters stay", "SELECT $1, $2 WHERE a IN ($3, $4)", "SELECT $1, $2 WHERE a IN (?)"},
		{"what cannot be a parameter goes", "SELECT $9000001, $1a", "SELECT ?, ?"},
		{"comments nest", "SELECT a /* b /* c */ d */ , e", "SELECT a , e"},
		{"two dashes always begin a comment", "SELECT 5--3\n, a", "SELECT ? , a"},
		{"a hash is an operator", "SELECT a #> '{x}'", "SELECT a #> ?"},
		{"executable comments and hints are comments", "SELECT /*! a */ /*+ b */ c", "SELECT c"},
		{"arrays become short", "SELECT ARRAY[1,2,3], array ['a','b']", "SELECT ARRAY[?], array [?]"},
		{"casts and JSON operators stay", "SELECT a::int, b->>'c', '5'::text", "SELECT a::int, b->>?, ?::text"},
	})
}

func runSanitize(t *testing.T, d Dialect, cases []sanitizeCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got, hash := AppendSanitized([]byte("kept "), []byte(tt.text), d)
			if diff := cmp.Diff("kept "+tt.want, string(got)); diff != "" {
				t.Errorf("AppendSanitized(%q) (-want +got):\n%s", tt.text, diff)
			}
			if want := Hash([]byte(tt.want)); hash != want {
				t.Errorf("hash is %#x, want %#x", hash, want)
			}
		})
	}
}

func TestSanitizeCut(t *testing.T) {
	for _, tt := range []struct{ name, head, want string }{
		{"a cut word goes", "SELECT a, secr", "SELECT a,…"},
		{"a cut string goes", "SELECT a, 'secr", "SELECT a, ?…"},
		{"a cut hexadecimal number goes", "SELECT a, 0x4", "SELECT a, ?…"},
		{"a cut rune goes", "SELECT a, \xe6\x97", "SELECT a,…"},
		{"a cut rune in a word goes with it", "SELECT a, x\xe6\x97", "SELECT a,…"},
		{"a cut comment hides itself", "SELECT a /* secr", "SELECT a ?…"},
		{"a cut row goes with those after the first", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3", "INSERT INTO t VALUES (?, ?)…"},
		{"a cut list is short", "SELECT a IN (1, 2, 3,", "SELECT a IN (?,…"},
		{"an escape before the cut is trusted", `SELECT 'it\'s', 'x`, "SELECT ?, ?…"},
		{"a text next to a quote is not, after an escape", `SELECT 'C:\', 'secret, `, "SELECT ?…"},
		{"an executable comment may go on", "/*!50003 CREATE TRIGGER t BEFORE", "CREATE TRIGGER t…"},
		{"nothing is left of nothing", "", "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, hash := AppendSanitizedCut(nil, []byte(tt.head), MySQL)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("AppendSanitizedCut(%q) (-want +got):\n%s", tt.head, diff)
			}
			if want := Hash([]byte(tt.want)); hash != want {
				t.Errorf("hash is %#x, want %#x", hash, want)
			}
		})
	}
}

func TestSanitizeDoesNotAllocate(t *testing.T) {
	for _, bt := range benchTexts {
		text := []byte(bt.text)
		dst := make([]byte, 0, 3*len(text))
		if n := testing.AllocsPerRun(10, func() { AppendSanitized(dst, text, MySQL) }); n != 0 {
			t.Errorf("sanitising %s allocates %v times", bt.name, n)
		}
	}
}

// A quadratic scan of these texts would take minutes.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	const size = 1 << 20
	for _, part := range []string{
		"/*", "/*!", "/*+", "/*! x */", "/*+ ' */", "/* x */", "*/", "'", "\"", "`", "\\", "\\'", "''", "$a$", "$a", "--", "-- \n",
		"(", "VALUES (", "VALUES (1),", "IN (", "((", "1,", "1-", ".", "\xff", "é", ";", "traceparent", "/*traceparent=1*/", "traceparent=",
		"/*traceparent='", "E'", "_", "%2", "VALUES ROW(", "IN ((1,",
	} {
		text := []byte(strings.Repeat(part, size/len(part)))
		start := time.Now()
		for _, d := range []Dialect{MySQL, PostgreSQL} {
			AppendSanitized(nil, text, d)
			AppendSanitizedCut(nil, text, d)
			FindCarrier(text, d)
			FindCarrierCut(text, text, d)
		}
		AppendSanitizedMessage(nil, text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%d bytes of %q took %v", size, part, took)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const (
	traceID  = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID = "00f067aa0ba902b7"
	parent   = "00-" + traceID + "-" + parentID + "-01"
	other    = "00-" + traceID + "-00f067aa0ba902b8-01"
	tag      = "/*traceparent='" + parent + "'*/"
)

type carrierCase struct {
	name, text string
	want       Result
}

func TestFindCarrierMySQL(t *testing.T) {
	runCarriers(t, MySQL, []carrierCase{
		{"a trailing comment", "SELECT 1 " + tag, Found},
		{"a leading comment", tag + " SELECT 1", Found},
		{"a trailing comment and a semicolon", "SELECT 1 " + tag + " ; ", Found},
		{"a semicolon and a trailing comment", "SELECT 1; " + tag, Found},
		{"other comments around", "/* a */ -- b\n" + tag + "/* c */ SELECT 1", Found},
		{"other keys around", "SELECT 1 /*action='run%2Cit',controller='a\\'b',traceparent='" + parent + "',user='x'*/", Found},
		{"an unquoted value", "SELECT 1 /* traceparent=" + parent + " */", Found},
		{"an unquoted value and a comma", "SELECT 1 /*traceparent=" + parent + ",a=b*/", Found},
		{"double quotes", `SELECT 1 /*traceparent="` + parent + `"*/`, Found},
		{"spaces around the equals sign", "SELECT 1 /* traceparent = '" + parent + "' */", Found},
		{"prose before", "SELECT 1 /* from the shop, traceparent='" + parent + "' */", Found},
		{"a line comment at the end", "SELECT 1 -- traceparent='" + parent + "'", Found},
		{"a line comment at the begin", "-- traceparent=" + parent + "\nSELECT 1", Found},
		{"a hash comment", "SELECT 1 # traceparent='" + parent + "'", Found},
		{"percent-encoding", "SELECT 1 /*traceparent='" + strings.ReplaceAll(parent, "-", "%2D") + "'*/", Found},
		{"only a comment", tag, Found},
		{"the same one twice", tag + " SELECT 1 " + tag, Found},
		{"the same one twice in a comment", "SELECT 1 /*traceparent='" + parent + "',traceparent='" + parent + "'*/", Found},
		{"a later version", "SELECT 1 /*traceparent='cc-" + parent[3:] + "'*/", Found},
		{"a later version with more", "SELECT 1 /*traceparent='cc-" + parent[3:] + "-what.the+future'*/", Found},
		{"quotes in the statement", "SELECT '/*', `*/`, \"#\" " + tag, Found},

		{"no comment", "SELECT 1", None},
		{"a column of that name", "SELECT traceparent FROM t WHERE traceparent='" + parent + "'", None},
		{"the word in prose", "SELECT 1 /* see the traceparent docs */", None},
		{"a comment in the middle", "SELECT " + tag + " 1", None},
		{"a comment between statements", "SELECT 1; " + tag + " SELECT 2", None},
		{"a comment within a string", "SELECT '" + tag + "'", None},
		{"a string that ends in a comment", "SELECT \"x " + tag + "\"", None},
		{"a comment after an open quote", "SELECT 'x " + tag, None},
		{"a comment after an escaped quote", `SELECT 'x\' ` + tag, None},
		{"a comment within a line comment", "SELECT 1 -- " + tag + "\n FROM t", None},
		{"a comment within a name", "SELECT `" + tag + "`", None},
		{"an executable comment", "SELECT 1 /*!traceparent='" + parent + "'*/", None},
		{"within an executable comment", "/*!50000 SELECT 1 " + tag + " */", None},
		{"within an executable comment that never ends", "/*!50000 SELECT 1 " + tag, None},
		{"within MariaDB's executable comment", "/*M!100100 SELECT 1 " + tag, None},
		{"a hint", "SELECT /*+ traceparent='" + parent + "' */", None},
		{"a comment that never ends", "SELECT 1 /*traceparent='" + parent + "'", None},
		{"another key", "SELECT 1 /*xtraceparent='" + parent + "'*/", None},
		{"a key in capitals", "SELECT 1 /*TRACEPARENT='" + parent + "'*/", None},
		{"within the value of another key", "SELECT 1 /*a='traceparent=" + parent + "'*/", None},
		{"two dashes that begin no comment", "SELECT 1 --traceparent='" + parent + "'", None},

		{"capitals", "SELECT 1 /*traceparent='" + strings.ToUpper(parent) + "'*/", Malformed},
		{"one capital", "SELECT 1 /*traceparent='00-" + traceID + "-00F067aa0ba902b7-01'*/", Malformed},
		{"a trace id of zeros", "SELECT 1 /*traceparent='00-" + strings.Repeat("0", 32) + "-" + parentID + "-01'*/", Malformed},
		{"a parent id of zeros", "SELECT 1 /*traceparent='00-" + traceID + "-" + strings.Repeat("0", 16) + "-01'*/", Malformed},
		{"version ff", "SELECT 1 /*traceparent='ff-" + parent[3:] + "'*/", Malformed},
		{"version 00 with more", "SELECT 1 /*traceparent='" + parent + "-01'*/", Malformed},
		{"a later version with more but no dash", "SELECT 1 /*traceparent='cc-" + parent[3:] + "x'*/", Malformed},
		{"too short", "SELECT 1 /*traceparent='" + parent[:54] + "'*/", Malformed},
		{"no hexadecimal flags", "SELECT 1 /*traceparent='" + parent[:53] + "0g'*/", Malformed},
		{"a dash in the wrong place", "SELECT 1 /*traceparent='00" + parent[3:] + "0'*/", Malformed},
		{"empty", "SELECT 1 /*traceparent=''*/", Malformed},
		{"without a value", "SELECT 1 /*traceparent=*/", Malformed},
		{"spaces within the quotes", "SELECT 1 /*traceparent=' " + parent + "'*/", Malformed},
		{"a quote that never ends", "SELECT 1 /*traceparent='" + parent + "*/", Malformed},
		{"broken percent-encoding", "SELECT 1 /*traceparent='" + parent[:53] + "%3'*/", Malformed},
		{"a valid and a malformed one", tag + " SELECT 1 /*traceparent='x'*/", Malformed},
		{"a megabyte", "SELECT 1 /*traceparent='" + strings.Repeat("0", 1<<20) + "'*/", Malformed},

		{"different ones at both ends", tag + " SELECT 1 /*traceparent='" + other + "'*/", Ambiguous},
		{"different ones at one end", "SELECT 1 " + tag + "/*traceparent='" + other + "'*/", Ambiguous},
		{"different ones in one comment", "SELECT 1 /*traceparent='" + parent + "',traceparent='" + other + "'*/", Ambiguous},
		{"different flags", tag + "SELECT 1 /*traceparent='" + parent[:53] + "00'*/", Ambiguous},
		{"different ones after a thousand comments", tag + strings.Repeat("/* a */", 1000) + "SELECT 1 /*traceparent='" + other + "'*/", Ambiguous},
	})
}

func TestFindCarrierPostgreSQL(t *testing.T) {
	runCarriers(t, PostgreSQL, []carrierCase{
		{"a trailing comment", "SELECT E'it\\'s', \"a\", $$'$$, $1 " + tag, Found},
		{"two dashes without a space", "SELECT 1 --traceparent='" + parent + "'", Found},
		{"a backslash before a closing quote", `SELECT 'C:\' ` + tag, Found},
		{"a hash is an operator", "SELECT 1 # traceparent='" + parent + "'", None},
		{"within a dollar quote", "SELECT $a$ " + tag + "$a$", None},
		{"after a dollar quote that never ends", "SELECT $a$ " + tag, None},
		{"after an escaped quote", `SELECT E'x\' ` + tag, None},
		{"within an outer comment that never ends", "SELECT 1 /* a " + tag, None},
	})
}

func runCarriers(t *testing.T, d Dialect, cases []carrierCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			c, got := FindCarrier([]byte(tt.text), d)
			if got != tt.want {
				t.Fatalf("FindCarrier(%.200q) is %v, want %v", tt.text, got, tt.want)
			}
			checkCarrier(t, c, got)
		})
	}
}

func checkCarrier(t *testing.T, c Carrier, r Result) {
	t.Helper()
	if r != Found {
		if c.TraceID != [16]byte{} || c.ParentID != [8]byte{} || c.Flags != 0 || c.AppendState(nil) != nil {
			t.Errorf("%v comes with a carrier: %+v", r, c)
		}
		return
	}
	if hex.EncodeToString(c.TraceID[:]) != traceID || hex.EncodeToString(c.ParentID[:]) != parentID || !c.Sampled() {
		t.Errorf("the carrier is %+v", c)
	}
}

func TestCarrierCut(t *testing.T) {
	for _, tt := range []struct {
		name, head, tail string
		want             Result
	}{
		{"a leading comment in the head", tag + " SELECT 'a", "b', c", Found},
		{"a trailing comment in the tail", "SELECT 'a", "b' " + tag, Found},
		{"a trailing comment before a semicolon", "SELECT 'a", "b' " + tag + " ; ", Found},
		{"several trailing comments", "SELECT 'a", "b' /*x*/ " + tag + " /*y*/", Found},
		{"the same one at both ends", tag + "SELECT 'a", "b' " + tag, Found},
		{"different ones at both ends", tag + "SELECT 'a", "b' /*traceparent='" + other + "'*/", Ambiguous},
		{"a malformed one", "SELECT 'a", "b' /*traceparent='x'*/", Malformed},
		{"a comment in the middle of the tail", "SELECT 'a", "b' " + tag + " FROM t", None},
		{"a comment in a string that the tail ends with", "SELECT 'a", "b " + tag + "'", None},
		{"a comment that begins before the tail", "SELECT 'a", tag[5:], None},
		{"a comment at the end of the head", "SELECT 'a " + tag, "b'", None},
		{"a leading comment that the head cuts", tag[:len(tag)-2], "b", None},
		{"a line comment in the tail", "SELECT 'a", "b -- traceparent='" + parent + "'", None},
		{"an executable comment", "SELECT 'a", "b' /*!traceparent='" + parent + "'*/", None},
		{"within an executable comment", "SELECT /*! a", tag + " */", None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, got := FindCarrierCut([]byte(tt.head), []byte(tt.tail), MySQL)
			if got != tt.want {
				t.Fatalf("FindCarrierCut(%q, %q) is %v, want %v", tt.head, tt.tail, got, tt.want)
			}
			checkCarrier(t, c, got)
		})
	}
}

func TestCarrierState(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d=v,", i)
		}
		return b.String()
	}
	for _, tt := range []struct{ name, state, want string }{
		{"one member, encoded", "congo%3Dt61rcWkgMzE", "congo=t61rcWkgMzE"},
		{"two members, encoded", "congo%3Dt61%2Crojo%3D00f067aa0ba902b7", "congo=t61,rojo=00f067aa0ba902b7"},
		{"not encoded", "congo=t61,rojo=00f0", "congo=t61,rojo=00f0"},
		{"a vendor's key", "0a@b-c%3Dx+y", "0a@b-c=x+y"},
		{"spaces between members", "a=b%20,%20c=d", "a=b , c=d"},
		{"thirty-two members", members(32), members(32)},
		{"thirty-three members", members(33), ""},
		{"a member twice", "a=b,a=c", ""},
		{"a key in capitals", "A=b", ""},
		{"no value", "a=", ""},
		{"no equals sign", "a", ""},
		{"an equals sign too many", "a=b=c", ""},
		{"a control character", "a=%0Ab", ""},
		{"a byte beyond ASCII", "a=%C3%A9", ""},
		{"too long", "a=" + strings.Repeat("b", 200) + ",c=" + strings.Repeat("b", 200) + ",d=" + strings.Repeat("b", 200), ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{
				"SELECT 1 /*traceparent='" + parent + "',tracestate='" + tt.state + "'*/",
				"SELECT 1 /*tracestate='" + tt.state + "',traceparent='" + parent + "'*/",
			} {
				c, r := FindCarrier([]byte(text), MySQL)
				if r != Found {
					t.Fatalf("FindCarrier(%q) is %v: a bad state must not cost the parent", text, r)
				}
				if got := string(c.AppendState(nil)); got != tt.want {
					t.Errorf("the state of %q is %q, want %q", text, got, tt.want)
				}
			}
		})
	}
}

func TestCarrierStateOfTwoComments(t *testing.T) {
	with := func(state string) string {
		return "/*traceparent='" + parent + "',tracestate='" + state + "'*/"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"one of two has a state", tag + "SELECT 1" + with("a=b"), "a=b"},
		{"both have the same", with("a=b") + "SELECT 1" + with("a=b"), "a=b"},
		{"they differ", with("a=b") + "SELECT 1" + with("a=c"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := FindCarrier([]byte(tt.text), MySQL)
			if got := string(c.AppendState(nil)); r != Found || got != tt.want {
				t.Errorf("FindCarrier(%q) is %v with state %q, want %q", tt.text, r, got, tt.want)
			}
		})
	}
}

func TestFindCarrierDoesNotAllocate(t *testing.T) {
	text := []byte("SELECT 1 /*traceparent='" + parent + "',tracestate='a%3Db'*/")
	buf := make([]byte, 0, maxState)
	if n := testing.AllocsPerRun(100, func() {
		c, _ := FindCarrier(text, MySQL)
		c.AppendState(buf)
		FindCarrierCut(text, text, MySQL)
	}); n != 0 {
		t.Errorf("finding a carrier allocates %v times", n)
	}
}

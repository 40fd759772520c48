// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"strings"
	"testing"
)

const quoted = "'" + parent + "'"

func TestFindSetting(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Setting
	}{
		{"as drivers write it", "SET @traceparent = " + quoted, SettingContext},
		{"without spaces", "SET@traceparent=" + quoted, SettingContext},
		{"in any case", "set @TraceParent=" + quoted, SettingContext},
		{"a colon and an equals sign", "SET @traceparent := " + quoted, SettingContext},
		{"double quotes", `SET @traceparent = "` + parent + `"`, SettingContext},
		{"a name in backticks", "SET @`traceparent` = " + quoted, SettingContext},
		{"a name in quotes", "SET @'traceparent' = " + quoted, SettingContext},
		{"a semicolon", "SET @traceparent = " + quoted + " ; ", SettingContext},
		{"another statement behind it", "SET @traceparent = " + quoted + "; SET @traceparent = NULL", SettingContext},
		{"comments around", "/* a */ SET -- b\n @traceparent /* c */ = # d\n" + quoted + " /* e */", SettingContext},
		{"the first of several", "SET @traceparent=" + quoted + ", @a = 1", SettingContext},
		{"the last of several", "SET @a = f(1, (2)), sql_mode = 'x', @traceparent=" + quoted, SettingContext},
		{"after names", "SET NAMES utf8mb4, @traceparent=" + quoted, SettingContext},
		{"after a scope", "SET SESSION sort_buffer_size = 1, @traceparent=" + quoted, SettingContext},
		{"the last assignment counts", "SET @traceparent = 'x', @traceparent=" + quoted, SettingContext},
		{"after a name in quotes that never mattered", "SET @`a,@traceparent=1` = 2, @traceparent=" + quoted, SettingContext},
		{"a later version", "SET @traceparent='cc-" + parent[3:] + "-x'", SettingContext},

		{"null", "SET @traceparent = NULL", SettingCleared},
		{"null in lower case", "SET @traceparent=null, @a = 1", SettingCleared},
		{"an empty string", "SET @traceparent = ''", SettingCleared},
		{"set and cleared", "SET @traceparent = " + quoted + ", @traceparent = NULL", SettingCleared},

		{"an invalid one", "SET @traceparent = '" + strings.ToUpper(parent) + "'", SettingUnknown},
		{"prose", "SET @traceparent = 'x'", SettingUnknown},
		{"a parameter", "SET @traceparent = ?", SettingUnknown},
		{"an expression", "SET @traceparent = CONCAT('00-', 'a')", SettingUnknown},
		{"an expression that begins as a literal", "SET @traceparent = " + quoted + " COLLATE utf8mb4_bin", SettingUnknown},
		{"two literals", "SET @traceparent = " + quoted + " 'x'", SettingUnknown},
		{"an expression that begins with NULL", "SET @traceparent = NULL IS NULL", SettingUnknown},
		{"a literal with a prefix", "SET @traceparent = _utf8mb4" + quoted, SettingUnknown},
		{"another variable", "SET @traceparent = @other", SettingUnknown},
		{"a string that never ends", "SET @traceparent = '" + parent, SettingUnknown},
		{"valid, but a later string never ends", "SET @traceparent = " + quoted + ", @a = 'x", SettingUnknown},
		{"an executable comment", "SET @a = 1 /*!, @traceparent = " + quoted + " */", SettingUnknown},
		{"behind a statement's own settings", "SET STATEMENT max_statement_time=1 FOR SET @traceparent=" + quoted, SettingUnknown},
		{"nothing", "SET @traceparent =", SettingUnknown},

		{"another variable of a longer name", "SET @traceparent2 = " + quoted, SettingNone},
		{"another variable with a dot", "SET @traceparent.a = " + quoted, SettingNone},
		{"a system variable", "SET @@traceparent = " + quoted, SettingNone},
		{"no variable", "SET traceparent = " + quoted, SettingNone},
		{"another one's value", "SET @a = '@traceparent=" + parent + "'", SettingNone},
		{"within another one's value", `SET @a = ', @traceparent=\'` + parent + `\''`, SettingNone},
		{"within an expression", "SET @a = f(1, @traceparent=" + quoted + ")", SettingNone},
		{"within a comment", "SET @a = 1 /*, @traceparent=" + quoted + "*/", SettingNone},
		{"a comparison", "SET @a = @traceparent=" + quoted, SettingNone},
		{"no SET", "SELECT @traceparent := " + quoted, SettingNone},
		{"a SET that is a clause", "UPDATE t SET a = 1, @traceparent=" + quoted, SettingNone},
		{"a longer word", "SETTING @traceparent = " + quoted, SettingNone},
		{"in the second statement", "SELECT 1; SET @traceparent = " + quoted, SettingNone},
		{"a broken statement of something else", "SET @a = 'x", SettingNone},
		{"only the word", "SET", SettingNone},
		{"no value", "SET @traceparent", SettingNone},
		{"an at sign", "SET @", SettingNone},
		{"no text", "", SettingNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, got := FindSetting([]byte(tt.text), MySQL)
			if got != tt.want {
				t.Errorf("FindSetting(%q) is %v, want %v", tt.text, got, tt.want)
			}
			if valid := c.TraceID != [16]byte{} && c.ParentID != [8]byte{}; valid != (got == SettingContext) {
				t.Errorf("%v comes with %+v", got, c)
			}
		})
	}
}

func TestPostgreSQLHasNoUserVariables(t *testing.T) {
	text := []byte("SET @traceparent = " + quoted)
	if _, got := FindSetting(text, PostgreSQL); got != SettingNone {
		t.Errorf("got %v", got)
	}
	if _, got := FindSettingCut(text, nil, PostgreSQL); got != SettingNone {
		t.Errorf("cut: got %v", got)
	}
}

func TestACutSettingTellsOnlyWhatIsCertain(t *testing.T) {
	for _, tt := range []struct {
		name, head, tail string
		want             Setting
	}{
		{"ended before the cut", "SET @traceparent = " + quoted + "; SELECT 'xx", "x'", SettingContext},
		{"more may follow", "SET @traceparent = " + quoted + ", @a = 'xx", "x'", SettingUnknown},
		{"a string that the cut may have split", "SET @traceparent = " + quoted, "x'", SettingUnknown},
		{"named in the tail", "SET @a = 'xx", "x', @TRACEPARENT = " + quoted, SettingUnknown},
		{"named nowhere that is known", "SET @a = 'xx", "x'", SettingCleared},
		{"no SET", "INSERT INTO t VALUES ('xx", "x') /*traceparent=" + quoted + "*/", SettingNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := FindSettingCut([]byte(tt.head), []byte(tt.tail), MySQL); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseTraceparentJudgesAsCommentsAreJudged(t *testing.T) {
	for _, value := range []string{
		parent, other, "", "x", strings.ToUpper(parent), parent + "-01", "cc-" + parent[3:] + "-x", parent[:54],
		"ff-" + parent[3:], "00-" + strings.Repeat("0", 32) + "-" + parentID + "-01", strings.ReplaceAll(parent, "-", "%2D"),
	} {
		c, got := ParseTraceparent([]byte(value))
		inComment, want := FindCarrier([]byte("SELECT 1 /*traceparent='"+value+"'*/"), MySQL)
		if value == "" {
			want = None // an attribute without a value is none, a comment with an empty one is wrong
		}
		if got != want || c.TraceID != inComment.TraceID || c.ParentID != inComment.ParentID || c.Flags != inComment.Flags {
			t.Errorf("%q is %v %+v, in a comment %v %+v", value, got, c, want, inComment)
		}
	}
}

func TestFindSettingDoesNotAllocate(t *testing.T) {
	texts := [][]byte{
		[]byte("SELECT 1"), []byte("SET NAMES utf8mb4"), []byte("SET @a = 1, @traceparent = " + quoted),
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, text := range texts {
			FindSetting(text, MySQL)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFindSetting(f *testing.F) {
	f.Add([]byte("SET @traceparent = "+quoted), []byte("x', @traceparent='"+parent))
	f.Add([]byte("SET @a = (1, '\\'), @`traceparent` := null"), []byte(""))
	f.Fuzz(func(t *testing.T, text, data []byte) {
		input := string(text)
		c, s := FindSetting(text, MySQL)
		if (s == SettingContext) != (c.TraceID != [16]byte{} && c.ParentID != [8]byte{}) {
			t.Errorf("%v comes with %+v", s, c)
		}
		if out, _ := AppendSanitized(nil, text, MySQL); s != SettingNone && (len(out) < 3 || !strings.EqualFold(string(out[:3]), "SET")) {
			t.Errorf("%q, sanitised %q, is %v", text, out, s)
		}
		if c, s = FindSettingCut(text, data, MySQL); s == SettingContext && c.TraceID == [16]byte{} {
			t.Error("a cut text gives an empty context")
		}
		if string(text) != input {
			t.Error("the input was changed")
		}
		// Data that a driver has quoted is not code.
		quotedData := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(data))
		if _, s = FindSetting([]byte("SET @a = '"+quotedData+"', @b = 1"), MySQL); s != SettingNone {
			t.Errorf("the value %q is %v", data, s)
		}
	})
}

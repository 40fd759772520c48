// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var corpora = []struct {
	file    string
	dialect Dialect
	atLeast int
}{
	{"corpus", MySQL, 200},
	{"corpus_postgresql", PostgreSQL, 50},
}

// marks finds the marks of the corpus, also the beginning of one, which may
// survive a cut.
var marks = regexp.MustCompile(`(?i)PII|9000|504949`)

func readCorpus(t testing.TB, file string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "--") {
			out = append(out, line)
		}
	}
	return out
}

func TestCorpusIsLargeAndMarked(t *testing.T) {
	for _, c := range corpora {
		statements := readCorpus(t, c.file)
		marked := 0
		for _, s := range statements {
			if marks.MatchString(s) {
				marked++
			}
		}
		if marked < c.atLeast {
			t.Errorf("%s: %d of %d statements are marked, want %d", c.file, marked, len(statements), c.atLeast)
		}
	}
}

func TestNoLiteralOfTheCorpusSurvives(t *testing.T) {
	for _, c := range corpora {
		for _, s := range readCorpus(t, c.file) {
			text, _ := AppendSanitized(nil, []byte(s), c.dialect)
			if m := marks.Find(text); m != nil {
				t.Errorf("%s survives in %q of %q", m, text, s)
			}
			summary := Summarize(string(text), c.dialect)
			if m := marks.FindString(fmt.Sprint(summary)); m != "" {
				t.Errorf("%s survives in the summary %q of %q", m, summary, s)
			}
		}
	}
}

func TestNoLiteralOfTheCorpusSurvivesACutAnywhere(t *testing.T) {
	for _, c := range corpora {
		for _, s := range readCorpus(t, c.file) {
			for i := range len(s) {
				text, _ := AppendSanitizedCut(nil, []byte(s[:i]), c.dialect)
				if m := marks.Find(text); m != nil {
					t.Errorf("%s survives in %q of %q", m, text, s[:i])
				}
			}
		}
	}
}

// A proxy or a driver may put several statements into one text.
func TestNoLiteralOfTheCorpusSurvivesAfterAnotherStatement(t *testing.T) {
	for _, c := range corpora {
		statements := readCorpus(t, c.file)
		for i, s := range statements {
			other := statements[(i*7+3)%len(statements)]
			text, _ := AppendSanitized(nil, []byte(s+"\n;\n"+other), c.dialect)
			if m := marks.Find(text); m != nil && !pairsQuotesAnew(s) {
				t.Errorf("%s survives in %q of %q, %q", m, text, s, other)
			}
		}
	}
}

// pairsQuotesAnew reports whether s has a quote that never ends, so that the
// next quote, whatever it was meant for, ends it.
func pairsQuotesAnew(s string) bool {
	text, _ := AppendSanitized(nil, []byte(s+"\n; mark"), MySQL)
	pg, _ := AppendSanitized(nil, []byte(s+"\n; mark"), PostgreSQL)
	return !bytes.Contains(text, []byte("mark")) || !bytes.Contains(pg, []byte("mark"))
}

func TestSanitizingTwiceChangesNothing(t *testing.T) {
	for _, c := range corpora {
		for _, s := range readCorpus(t, c.file) {
			once, _ := AppendSanitized(nil, []byte(s), c.dialect)
			twice, _ := AppendSanitized(nil, once, c.dialect)
			if diff := cmp.Diff(string(once), string(twice)); diff != "" {
				t.Errorf("%q (-once +twice):\n%s", s, diff)
			}
		}
	}
}

func TestCorpusGolden(t *testing.T) {
	for _, c := range corpora {
		var got bytes.Buffer
		for _, s := range readCorpus(t, c.file) {
			text, _ := AppendSanitized(nil, []byte(s), c.dialect)
			summary := Summarize(string(text), c.dialect)
			fmt.Fprintf(&got, "%s\n  text:    %s\n  summary: %s\n", s, text, summary.Text)
		}
		path := filepath.Join("testdata", c.file+".golden")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge/inert/inerttest"
	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/compare/report/reporttest"
)

var update = flag.Bool("update", false, "write the golden files")

func table(t *testing.T, r *report.Result, width int, color bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Terminal(&out, width, color); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableSaysFirstWhatIsMostWanted(t *testing.T) {
	for name, got := range map[string]string{
		"usual.txt":  table(t, reporttest.Sample(), 0, false),
		"narrow.txt": table(t, reporttest.Sample(), 64, false),
		"color.txt":  table(t, reporttest.Sample(), 100, true),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(got, string(want)) {
			t.Errorf("%s (-update writes it):\n%s", name, cmp.Diff(string(want), got))
		}
	}
}

func TestTableIsInertAndKeepsToItsWidth(t *testing.T) {
	r := reporttest.Hostile()
	for _, width := range []int{60, 61, 80, 100, 140} {
		inerttest.Lines(t, table(t, r, width, false), width)
	}
}

// A result need not have everything.
func TestLittleIsShownToo(t *testing.T) {
	empty := report.New(report.About{}, nil, nil)
	if got := table(t, empty, 80, false); !strings.Contains(got, "COVERAGE") {
		t.Errorf("the table of nothing: %q", got)
	}
	for _, lang := range report.Languages() {
		page(t, empty, lang)
	}
}

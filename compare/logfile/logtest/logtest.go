// SPDX-License-Identifier: Apache-2.0

// Package logtest holds what the tests of accounts that read files share: the files of testdata, what is
// read in them, and a literal that must not survive. It knows no format.
package logtest

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// Literal is one whatever comes before it, but a quoted name that is open.
const Literal = "9zq7literal"

// secrets are in the literals of the files, and nowhere else.
var secrets = []string{"secret", "47114"}

// Golden compares what render writes of each log in testdata with the file of that name
// that ends in .golden. There must be at least so many logs, and no literal may be left.
func Golden(t *testing.T, least int, render func(*testing.T, io.Reader) []byte) {
	t.Helper()
	for name, raw := range Files(t, least) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			got := render(t, iotest.HalfReader(bytes.NewReader(raw)))
			golden := strings.TrimSuffix(name, filepath.Ext(name)) + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			for _, s := range secrets {
				if bytes.Contains(got, []byte(s)) {
					t.Errorf("%q is still there", s)
				}
			}
		})
	}
}

// Seed adds each log in testdata to a fuzz test.
func Seed(f *testing.F) {
	f.Helper()
	for _, raw := range Files(f, 1) {
		f.Add(raw)
	}
}

// Files are the logs in testdata, by name: whatever is no golden file.
func Files(tb testing.TB, least int) map[string][]byte {
	tb.Helper()
	names, err := filepath.Glob("testdata/*.*")
	if err != nil {
		tb.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return filepath.Ext(name) == ".golden" })
	if len(names) < least {
		tb.Fatal(names)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		if all[name], err = os.ReadFile(name); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/cost"
)

func saidIn(t *testing.T, lang string) *words {
	t.Helper()
	w, err := wordsOf(lang)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// places lists what a text leaves to be filled.
func places(text string) []string {
	all := regexp.MustCompile(`\{[a-z0-9-]+\}`).FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestLanguagesSayTheSameThings(t *testing.T) {
	first := saidIn(t, "en")
	for _, lang := range Languages()[1:] {
		w := saidIn(t, lang)
		for key, text := range first.texts {
			if !w.has(key) {
				t.Errorf("%s does not say %q", lang, key)
			} else if a, b := places(text), places(w.texts[key]); !slices.Equal(a, b) {
				t.Errorf("%s: %q has the places %v, in English %v", lang, key, b, a)
			}
		}
		for key := range w.texts {
			prefix, _, _ := strings.Cut(key, ".")
			if !first.has(key) && !slices.Contains([]string{"reason", "step", "detail", "does"}, prefix) { // told in English
				t.Errorf("%s says %q, which English does not", lang, key)
			}
		}
	}
}

// TestWhatIsSaidIsAskedFor also finds keys that are asked for and not there: each is
// written out in the source, or is below a prefix that is.
func TestWhatIsSaidIsAskedFor(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"*.go", "page/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && !strings.HasSuffix(name, "_test.go") {
				source.Write(text)
			}
		}
	}
	first := saidIn(t, "en")
	for key := range first.texts {
		prefix := key[:strings.LastIndexByte(key, '.')+1]
		if !strings.Contains(source.String(), `"`+key+`"`) && (prefix == "" || !strings.Contains(source.String(), `"`+prefix+`"`)) &&
			!strings.Contains(source.String(), `"`+strings.TrimSuffix(prefix, "kind.")+`kind."`) {
			t.Errorf("nobody asks for %q", key)
		}
	}
	for _, m := range regexp.MustCompile(`(?:\bsay\(|\{t |\(t )"([a-z0-9 .-]*[a-z0-9])"`).FindAllStringSubmatch(source.String(), -1) {
		if !first.has(m[1]) {
			t.Errorf("%q is asked for and not said", m[1])
		}
	}
}

// english finds what package compare and those of the accounts say in English, by the keys under which
// other languages say it: reasons, and what happens on the way of a statement.
func english(t *testing.T) map[string]string {
	found := make(map[string]string)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "report") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				key := keyOf(name.Name)
				if i >= len(spec.Values) || key == "" {
					continue
				}
				ast.Inspect(spec.Values[i], func(n ast.Node) bool {
					literal, ok := n.(*ast.BasicLit)
					if !ok || literal.Kind != token.STRING {
						return true
					}
					if text, err := strconv.Unquote(literal.Value); err == nil && text != "" {
						found[key+text] = path
					}
					return true
				})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 25 {
		t.Fatalf("found %d texts only", len(found))
	}
	return found
}

// keyOf is where a constant or a table of package compare is to be found.
func keyOf(name string) string {
	switch {
	case strings.HasPrefix(name, "Why"), strings.HasPrefix(name, "Reason"):
		return "reason."
	case strings.HasPrefix(name, "Point"), name == "begins", name == "ends", name == "answers":
		return "step."
	}
	return ""
}

func TestWhatAccountsSayIsSaidInEveryLanguage(t *testing.T) {
	for _, lang := range Languages()[1:] {
		w := saidIn(t, lang)
		for key, path := range english(t) {
			if !w.has(key) {
				t.Errorf("compare/report/words/%s.txt lacks a line \"%s = …\", of %s", lang, key, path)
			}
		}
	}
}

func TestMethodsOfMeasuringHaveNamesInEveryLanguage(t *testing.T) {
	for _, lang := range Languages() {
		w := saidIn(t, lang)
		for _, name := range append(cost.Names(), cost.Nothing, cost.Control) {
			if !w.has("method."+name) && !w.has("name."+name) {
				t.Errorf("%s has no name for the method %s", lang, name)
			}
			if lang != "en" && !w.has("does."+name) {
				t.Errorf("%s does not say what the method %s does", lang, name)
			}
		}
	}
}

func TestNumbersAreShownAsTheyAreRead(t *testing.T) {
	en, ja := saidIn(t, "en"), saidIn(t, "ja")
	got := []string{
		en.duration(0), en.duration(999), en.duration(1_234), en.duration(-999_499), en.duration(12_345_678), en.duration(59e9),
		en.duration(3600e9), en.duration(5_025e9), ja.duration(3600e9), ja.duration(5_025e9), ja.duration(2e9), en.difference(1500),
		en.difference(0), count(0), count(999), count(1_000), count(12_345_678),
		en.percent(0), en.percent(1), en.percent(0.99999), en.percent(0.9995), en.percent(0.5), en.percent(0.004), en.percent(0.00001),
		ja.percent(0.123), ratio(1.0314), ratio(12.34), ratio(250),
	}
	want := []string{
		"0 ns", "999 ns", "1.23 µs", "−999 µs", "12.3 ms", "59.0 s",
		"1 h", "1 h 23 min 45 s", "1時間", "1時間23分45秒", "2.00秒", "+1.50 µs",
		"0 ns", "0", "999", "1,000", "12,345,678",
		"0 %", "100 %", "99.99 %", "99.95 %", "50.0 %", "0.40 %", "<0.01 %",
		"12.3%", "1.031", "12.3", "250",
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], space, " ")
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge/units"
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

// What is no word of a language stays as it is in all: names, units, code.
var universal = regexp.MustCompile(`INSTALL COMPONENT '[^']+'|apt-get install tcpdump|https?:[0-9a-z/.:]+|wait/synch/%|(?:mysql|performance_schema|telemetry)\.[a-z_]*|[nµm]s|` +
	`[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|--[a-z-]+|/[a-z/._]+|\b(?:OTLP|MySQL|spanbridge(?: doctor)?|Performance Schema|MariaDB|JSON|CPU|USDT|` +
	`SQLSTATE|uprobe|bpftrace|p50|p99|UTC|result|Linux|sysbench:oltp_point_select|ON|OFF|PID|HOST:PORT|tcpdump|tcp|dsn|root|silent)`)

// English finds words of English in what is said in another language.
func English(text string) string {
	return regexp.MustCompile(`[A-Za-z]{2,}`).FindString(universal.ReplaceAllString(text, ""))
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
			if !first.has(key) && !slices.Contains([]string{"reason", "step", "trait", "detail", "does"}, prefix) { // told in English
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
		en.difference(0), units.Count(0), units.Count(999), units.Count(1_000), units.Count(12_345_678),
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

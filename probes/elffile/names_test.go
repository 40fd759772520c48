// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestNamesMatchThemselvesAndTheirClones(t *testing.T) {
	names := NewNames([]string{"query", "main.run", ""})
	for text, want := range map[string][2]string{
		"query": {"query", ""}, "query@@V1": {"query", ""}, "query.cold": {"query", ".cold"},
		"query.constprop.0.isra.1": {"query", ".constprop.0.isra.1"}, "main.run": {"main.run", ""}, "main.run.cold": {"main.run", ".cold"},
	} {
		name, suffix, ok := names.Match([]byte(text))
		if !ok || name != want[0] || suffix != want[1] {
			t.Errorf("%q: got %q, %q, %v", text, name, suffix, ok)
		}
	}
	for _, text := range []string{"", "quer", "query2", "_query", "a.query", "main", ".", "@"} {
		if name, _, ok := names.Match([]byte(text)); ok {
			t.Errorf("%q was taken for %q", text, name)
		}
	}
}

func TestATextOfDotsCostsLittle(t *testing.T) {
	names := NewNames([]string{strings.Repeat("a", 4000)})
	text := bytes.Repeat([]byte("."), maxString)
	begin := time.Now()
	for range 1000 {
		if _, _, ok := names.Match(text); ok {
			t.Fatal("matched")
		}
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("1000 texts took %s", took)
	}
}

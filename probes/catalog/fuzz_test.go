// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
)

// FuzzParse holds that Parse ends, that faults point into the file, that the
// schema accepts what Parse accepts, and that an accepted profile fits a record.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte(small))
	compiled := compileSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("x.yaml", data)
		if err != nil {
			checkFaults(t, err, data)
			return
		}
		if err := schemaSays(compiled, data); err != nil {
			t.Errorf("Parse accepts what the schema refuses: %v", err)
		}
		checkProfile(t, p)
	})
}

func checkFaults(t *testing.T, err error, data []byte) {
	var faults Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got %T %v, want Faults", err, err)
	}
	// YAML breaks lines at more than line feeds.
	lines := 1
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lines += strings.Count(string(data), end)
	}
	for i, fault := range faults {
		if fault.Line < 0 || fault.Line > lines+1 || fault.Message == "" {
			t.Errorf("fault %v of %d lines", fault, lines)
		}
		if i > 0 && fault.Line < faults[i-1].Line {
			t.Errorf("faults are not in the order of lines: %v", err)
		}
	}
}

func checkProfile(t *testing.T, p *Profile) {
	if p.Name == "" || p.Service == "" || len(p.Match.Executables) == 0 && !p.OfHost() || len(p.Operations) == 0 {
		t.Errorf("incomplete profile %+v", p)
	}
	for _, op := range p.Operations {
		if op.Inline() && p.Operations.Find(op.Parent) == nil {
			t.Errorf("%s has no parent", op.Name)
		}
		for _, tier := range op.Tiers {
			s := tier.Slots()
			if len(s.Values) > bridge.MaxValues || len(s.Strings) > bridge.MaxStrings {
				t.Errorf("%s, tier %s: %d values, %d strings", op.Name, tier.Name, len(s.Values), len(s.Strings))
			}
			if op.Inline() && (len(s.Strings) > bridge.DetailNames || s.Text != nil) {
				t.Errorf("%s, tier %s: an inline operation with %d names, or text", op.Name, tier.Name, len(s.Strings))
			}
			ends := len(tier.Done) > 0 || op.Sequence
			if point := len(tier.Point) > 0; point == (len(tier.Start) > 0) || point == ends {
				t.Errorf("%s, tier %s: %d start, %d done, %d point", op.Name, tier.Name, len(tier.Start), len(tier.Done), len(tier.Point))
			}
			for _, probe := range tier.Probes() {
				if len(probe.Addresses) == 0 || probe.Addresses[0] == (Address{}) {
					t.Errorf("%s, tier %s: a probe without address", op.Name, tier.Name)
				}
				for _, c := range probe.Captures {
					if len(c.sources()) != 1 || c.Path != "" && p.Paths.Find(c.Path) == nil {
						t.Errorf("%s, tier %s: capture %s begins at %v", op.Name, tier.Name, c.Name, c.sources())
					}
				}
			}
		}
	}
}

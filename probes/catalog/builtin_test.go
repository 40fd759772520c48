// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuiltinProfilesAreValid(t *testing.T) {
	compiled := compileSchema(t)
	names := builtinNames()
	if len(names) < 2 {
		t.Fatalf("got %v", names)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := builtin.ReadFile(name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(name+".yaml", data)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != name {
				t.Errorf("the profile is named %q", p.Name)
			}
			if p.Title == "" || (p.System != "" && len(p.Tested) == 0) {
				t.Error("a built-in profile has a title, that of a server also tested versions")
			}
			for _, op := range p.Operations {
				if op.Description == "" {
					t.Errorf("%s has no description", op.Name)
				}
			}
			if err := schemaSays(compiled, data); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
		})
	}
	if got := len(Builtin()); got != len(names) {
		t.Errorf("Builtin gives %d of %d", got, len(names))
	}
}

// TestBuiltinProfilesReadAsMeant holds what the profiles come to against a
// golden, as a second pair of eyes on every change.
func TestBuiltinProfilesReadAsMeant(t *testing.T) {
	for _, p := range Builtin() {
		t.Run(p.Name, func(t *testing.T) {
			golden := "testdata/" + p.Name + ".golden"
			got := outline(p)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func outline(p *Profile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v system=%s dialect=%s service=%s\n", p.Name, p.Match.Executables, p.System, p.Dialect, p.Service)
	for _, op := range p.Operations {
		fmt.Fprintf(&b, "%s: %s %q detail=%s parent=%s metric=%s counter=%s\n", op.Name, op.Kind, op.Span, op.Detail, op.Parent, op.Metric, op.Counter)
		r := op.Roles
		fmt.Fprintf(&b, "  roles: text=%s namespace=%s failed=%s error=%s start=%s\n", r.Text, r.Namespace, r.Failed, r.Error, r.Start)
		for _, a := range op.Attributes {
			fmt.Fprintf(&b, "  %s = %s omit_zero=%v names=%v\n", a.Key, a.Capture, a.OmitZero, a.Names)
		}
		for _, tier := range op.Tiers {
			fmt.Fprintf(&b, "  tier %s: recursive=%v lacks=%q\n", tier.Name, op.Recurses(tier), tier.Lacks)
			for _, probe := range tier.Probes() {
				fmt.Fprintf(&b, "    %v", probe.Addresses)
				if probe.When != nil {
					fmt.Fprintf(&b, " when arg%d:%s in %v", probe.When.Arg, probe.When.Type, probe.When.In)
				}
				for _, c := range probe.Captures {
					fmt.Fprintf(&b, " %s=arg%d:%s", c.Name, c.Arg, c.Type)
					if c.Length != nil {
						fmt.Fprintf(&b, "[arg%d:%s]", c.Length.Arg, c.Length.Type)
					}
					if len(c.When) > 0 {
						fmt.Fprintf(&b, "if%v", c.When)
					}
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
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

func TestServersAreTheProfilesThatAreNotOfTheHost(t *testing.T) {
	names := func(all []*Profile) (list []string) {
		for _, p := range all {
			list = append(list, p.Name)
		}
		return list
	}
	want := names(slices.DeleteFunc(Builtin(), (*Profile).OfHost))
	if got := names(Servers()); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestBuiltinProfilesReadAsMeant holds what the profiles come to against a
// golden, as a second pair of eyes on every change; with them one that uses
// every way to a value.
func TestBuiltinProfilesReadAsMeant(t *testing.T) {
	data, err := os.ReadFile("testdata/valid_paths.yaml")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := Parse("valid_paths.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(Builtin(), paths) {
		t.Run(p.Name, func(t *testing.T) {
			golden := "testdata/" + p.Name + ".golden"
			got := outline(p)
			wantGolden(t, golden, got)
		})
	}
}

func outline(p *Profile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v system=%s dialect=%s service=%s exports=%s lacks=%s\n", p.Name, p.Match.Executables, p.System, p.Dialect,
		p.Service, p.Match.Exports, p.Match.Lacks)
	for _, path := range p.Paths {
		for _, w := range path.Ways {
			fmt.Fprintf(&b, "path %s of %s by %v %s%s%s%s%s variable=%s argument=%d constant=%v result=%d out=%v address=%v take=%d skip=%d from=%d around=%v\n", path.Name, w.Of,
				w.functions(), w.Getter, w.Predicate, w.Setter, w.Call, w.In, w.Variable, w.Argument, w.Constant, w.Result, w.Out, w.Address, w.Take, w.Skip, w.From, w.Around)
		}
	}
	for _, op := range p.Operations {
		fmt.Fprintf(&b, "%s: %s %q detail=%s parent=%s metric=%s counter=%s\n", op.Name, op.Kind, op.Span, op.Detail, op.Parent, op.Metric, op.Counter)
		if op.By != nil || op.Children || op.MinDuration != 0 {
			fmt.Fprintf(&b, "  by=%v children=%v min_duration=%s\n", op.By, op.Children, time.Duration(op.MinDuration))
		}
		for _, sum := range op.Sum {
			fmt.Fprintf(&b, "  sum %s = %s in %s %v\n", sum.Counter, sum.Capture, sum.Unit, sum.Attributes)
		}
		fmt.Fprintf(&b, "  sequence=%v shields=%v names=%v phases=%q executes=%v prepares=%v resets=%v keep=%q\n", op.Sequence, op.Shields,
			op.Names, op.Phases, op.Executes, op.Prepares, op.Resets, op.Keep)
		if n := op.NamesFrom; n != nil {
			fmt.Fprintf(&b, "  names from %q of %d number at %d name at %d\n", n.Variables, n.Sizes, n.Number, n.Name)
		}
		b.WriteString("  roles:")
		for _, r := range op.Roles.all() {
			fmt.Fprintf(&b, " %s=%s", r.key, *r.name)
		}
		b.WriteByte('\n')
		for _, a := range op.Attributes {
			fmt.Fprintf(&b, "  %s = %s omit_zero=%v names=%v%s\n", a.Key, a.Capture, a.OmitZero, a.Names, outlineAttribute(a))
		}
		for _, tier := range op.Tiers {
			fmt.Fprintf(&b, "  tier %s: detail=%s recursive=%v follows=%v lacks=%q\n", tier.Name, tier.Detail, op.Recurses(tier), tier.Follows, tier.Lacks)
			for _, r := range tier.Requires {
				fmt.Fprintf(&b, "    requires %s:%s %q\n", r.Variable, r.Type, r.Mend)
			}
			for _, s := range tier.sites() {
				outlineProbe(&b, s)
			}
		}
	}
	return b.String()
}

func outlineProbe(b *strings.Builder, s site) {
	fmt.Fprintf(b, "    %s %v detail=%s announces=%v last=%v after_note=%v", s.part, s.Addresses, s.Detail, s.Announces, s.Last, s.AfterNote)
	if len(s.Of) > 0 {
		fmt.Fprintf(b, " of=%v optional=%v", s.Of, s.Optional)
	}
	if s.When != nil {
		b.WriteString(" when ")
		if s.When.Arg != nil {
			fmt.Fprintf(b, "arg%d", *s.When.Arg)
		}
		fmt.Fprintf(b, "%s%s%s:%s in %v", outlineOf(s.When.Field, s.When.Descriptor), returned(s.When.Returned), outlineBits(s.When.Bits), s.When.Type, s.When.In)
	}
	if s.Kernel() {
		fmt.Fprintf(b, " key=%v owner=%s given=%s optional=%v", s.Key, s.Owner, s.Given, s.Optional)
	}
	for _, arg := range s.Args {
		fmt.Fprintf(b, " %s=arg%d", arg.Name, arg.Number)
	}
	b.WriteByte('\n')
	for _, c := range s.Captures {
		fmt.Fprintf(b, "      %s:%s = %s", c.Name, c.Type, strings.Join(c.sources(), "+"))
		if c.Arg != nil {
			fmt.Fprintf(b, " %d", *c.Arg)
		}
		fmt.Fprintf(b, " %s%s", c.Path, c.Variable)
		if s.Kernel() {
			fmt.Fprintf(b, "%s%s%s%s user=%v end=%v errno=%v", outlineOf(c.Field, c.Descriptor), outlineOf(c.Task, ""), c.Captured, outlineBits(c.Bits), c.User, c.End, c.Errno)
		}
		if c.Constant != nil {
			fmt.Fprintf(b, " %d", *c.Constant)
		}
		if l := c.Length; l != nil && l.Arg != nil {
			fmt.Fprintf(b, " length=arg%d:%s%v", *l.Arg, l.Type, l.Offsets)
		} else if l != nil {
			fmt.Fprintf(b, " length=%s:%s%v", l.Path, l.Type, l.Offsets)
		}
		if c.Equals != nil {
			fmt.Fprintf(b, " equals=%d", *c.Equals)
		}
		if c.Same != "" || c.Sole {
			fmt.Fprintf(b, " same=%s sole=%v", c.Same, c.Sole)
		}
		fmt.Fprintf(b, " max=%d offsets=%v when=%v if=%s first=%v needs=%s\n", c.Max, c.Offsets, c.When, c.If, c.First, c.Needs)
	}
}

func outlineOf(fields Fields, descriptor string) string {
	text := strings.Join(fields, "|")
	if descriptor != "" {
		text += " of file " + descriptor
	}
	return text
}

func outlineBits(bits []int) string {
	if len(bits) == 0 {
		return ""
	}
	return fmt.Sprint(bits)
}

func returned(yes bool) string {
	if yes {
		return "returned"
	}
	return ""
}

func outlineAttribute(a *Attribute) (text string) {
	if a.Table != "" {
		text += " table=" + string(a.Table)
	}
	if a.Raw {
		text += " raw"
	}
	return text
}

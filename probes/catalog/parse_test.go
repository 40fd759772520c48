// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// invalidProfiles are testdata/invalid_*.yaml; each golden holds the verdict of
// the schema and the faults that Parse reports.
func invalidProfiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/invalid_*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d invalid profiles: %v", len(files), err)
	}
	return files
}

func TestInvalidProfilesAreRefusedWithEveryFault(t *testing.T) {
	compiled := compileSchema(t)
	for _, file := range invalidProfiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(filepath.Base(file), data)
			if err == nil || p != nil {
				t.Fatalf("got %v and error %v, want only an error", p, err)
			}
			verdict := "rejects"
			if schemaSays(compiled, data) == nil {
				verdict = "accepts"
			}
			got := fmt.Sprintf("schema %s\n%s\n", verdict, err)
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			wantGolden(t, golden, got)
		})
	}
}

// small is the least that makes a profile; tests insert into it.
const small = `profile: small
match: {executables: [small]}
operations:
  work:
    tiers:
      - tier: usdt
        start: {probe: "usdt:exe:p:start"}
        done: {probe: "usdt:exe:p:done"}
`

func TestParseFillsDefaultsIn(t *testing.T) {
	p, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	op := p.Operations.Find("work")
	got := fmt.Sprint(p.Service, " ", op.Kind, " ", op.Span, " ", op.Detail, " ", op.Point(), " ", op.Inline())
	if want := "small server work query false false"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if p.Operations.Find("rest") != nil {
		t.Error("found an operation that is not there")
	}
	if diff := cmp.Diff(small, string(p.Source)); diff != "" {
		t.Errorf("source: -want +got:\n%s", diff)
	}
}

func TestServiceFallsToTheSystem(t *testing.T) {
	p, err := Parse("small.yaml", []byte("system: postgresql\n"+small))
	if err != nil {
		t.Fatal(err)
	}
	if p.Service != "postgresql" {
		t.Errorf("got %q, want postgresql", p.Service)
	}
}

func TestParseReadsEveryPartOfTheFormat(t *testing.T) {
	data, err := os.ReadFile("testdata/valid_full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("valid_full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	query, plan, tick := p.Operations.Find("query"), p.Operations.Find("query.plan"), p.Operations.Find("tick")
	if query == nil || plan == nil || tick == nil {
		t.Fatalf("got operations %v", namesOf(p.Operations))
	}
	first, second := query.Tiers[0], query.Tiers[1]
	text := second.Start[0].Captures.Find("text")
	for _, tc := range []struct {
		what      string
		got, want any
	}{
		{"tested", p.Tested, []string{"1.0", "1.1"}},
		{"service", p.Service, "full-service"},
		{"dialect", p.Dialect.SQL(), sqltext.PostgreSQL},
		{"serves its executable", p.Serves("full"), true},
		{"serves another executable", p.Serves("fuller"), false},
		{"kind", query.Kind.Span(), bridge.KindClient},
		{"minimum duration", time.Duration(query.MinDuration), 1500 * time.Microsecond},
		{"recursion of the operation", query.Recurses(first), true},
		{"recursion that a tier overrides", query.Recurses(second), false},
		{"attribute names", query.Attributes[1].Names, map[uint64]string{0: "none", 3: "Query"}},
		{"text constant", query.Attributes[2].Value.Attr("k"), bridge.String("k", "constant")},
		{"number constant", query.Attributes[3].Value.Attr("k"), bridge.Int("k", -7)},
		{"truth constant", query.Attributes[4].Value.Attr("k"), bridge.Bool("k", true)},
		{"role given", query.Roles.Failed, "outcome"},
		{"role switched off", query.Roles.Error, ""},
		{"role by name", query.Roles.Text, "text"},
		{"role of a type that does not fit", query.Roles.Namespace, ""},
		{"role of the start", query.Roles.Start, "start_ns"},
		{"alternatives", len(first.Start[0].Addresses), 2},
		{"probes of a list", len(first.Done), 2},
		{"condition", second.Start[0].When.Mask(), uint64(1<<3 | 1<<23)},
		{"condition of a capture", text.WhenMask(), uint64(1 << 3)},
		{"no condition of a capture", second.Start[0].Captures.Find("command").WhenMask(), uint64(0)},
		{"length", [...]any{*text.Length.Arg, text.Length.Type}, [...]any{3, TypeU32}},
		{"length by default", first.Start[0].Captures.Find("text").Length.Type, TypeU64},
		{"offsets", second.Done[0].Captures.Find("user").Offsets, []int{8, -16}},
		{"longest string", second.Done[0].Captures.Find("user").Max, 256},
		{"longest string by default", first.Start[0].Captures.Find("user").Max, 64},
		{"detail", plan.Detail, DetailStages},
		{"kind of an inline operation", plan.Kind, KindInternal},
		{"point", tick.Point(), true},
		{"counter", tick.Counter, "full.ticks"},
		{"path of a probe", second.Done[0].At.Path, "operations.query.tiers[1].done"},
		{"line of a probe", second.Done[0].At.String(), "valid_full.yaml:52"},
	} {
		if diff := cmp.Diff(tc.want, tc.got, cmpopts.EquateComparable(bridge.Attr{})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.what, diff)
		}
	}
	if err := schemaSays(compileSchema(t), data); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
}

func TestSlotsFollowTheFirstAppearance(t *testing.T) {
	tier := &Tier{
		Start: Probes{{Captures: Captures{{Name: "a", Type: TypeU8}, {Name: "s", Type: TypeString}, {Name: "text", Type: TypeSQL}}}},
		Done:  Probes{{Captures: Captures{{Name: "b", Type: TypeI64}, {Name: "a", Type: TypeU8}, {Name: "r", Type: TypeString}}}},
	}
	s := tier.Slots()
	got := []int{s.Value("a"), s.Value("b"), s.Value("s"), s.String("s"), s.String("r"), s.String("a"), len(s.Values), len(s.Strings)}
	if diff := cmp.Diff([]int{0, 1, -1, 0, 1, -1, 2, 2}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s.Text == nil || s.Text.Name != "text" {
		t.Errorf("got text %v", s.Text)
	}
}

func TestTypesKnowTheirSize(t *testing.T) {
	for typ, want := range map[Type]int{TypeU8: 1, TypeI8: 1, TypeU16: 2, TypeI16: 2, TypeU32: 4, TypeI32: 4, TypeU64: 8, TypeI64: 8, TypeString: 0, TypeSQL: 0} {
		if typ.Bytes() != want || typ.Integer() != (want > 0) || typ.Signed() != (typ[0] == 'i') {
			t.Errorf("%s: %d bytes, integer %v, signed %v", typ, typ.Bytes(), typ.Integer(), typ.Signed())
		}
	}
}

func TestDetailIncludesCoarserLevels(t *testing.T) {
	levels := Details()
	for i, d := range levels {
		for j, other := range levels {
			if got, want := d.Includes(other), j <= i; got != want {
				t.Errorf("%s includes %s: %v, want %v", d, other, got, want)
			}
		}
	}
}

func TestFaultsCanBeTakenApart(t *testing.T) {
	_, err := Parse("x.yaml", []byte(strings.Replace(small, "tier: usdt", "tier: usdt\n        lack: [x]", 1)))
	var fault *Fault
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a Fault", err)
	}
	want := &Fault{File: "x.yaml", Line: 7, Path: "operations.work.tiers[0]", Message: `unknown key "lack", did you mean "lacks"?`}
	if diff := cmp.Diff(want, fault); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseRefusesWhatIsNoProfile(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c", c, c, c-1) + strings.Repeat(fmt.Sprintf(", *%c", c-1), 9) + "]\n"
	}
	manyAliases := "profile: x\nmatch: &m {executables: &e [" + strings.Repeat("a, ", 60) + "a]}\ntested: &t [" +
		strings.Repeat("b, ", 40_000) + "b]\noperations:\n  a:\n    tiers:\n    - {tier: x, lacks: *t}\n    - {tier: y, lacks: *t}\n    - {tier: z, lacks: *t}\n"
	for _, tc := range []struct{ name, data, want string }{
		{"nothing", "", "x.yaml: empty profile"},
		{"only a comment", "# nothing\n", "x.yaml: empty profile"},
		{"broken YAML", "profile: [\n", "x.yaml:2: read YAML: "},
		{"two documents", small + "---\n" + small, "x.yaml:9: a second document; a file holds one profile"},
		{"a broken second document", small + "---\n[", "x.yaml:11: read YAML: while parsing a flow node: "},
		{"a list", "- a\n", "x.yaml:1: want a mapping, got a list"},
		{"too many bytes", strings.Repeat("#", MaxBytes+1), "x.yaml: 1048577 bytes are more than 1048576"},
		{"deep nesting", strings.Repeat("[", 100_000), "x.yaml:1: read YAML: "},
		{"an alias to itself", "profile: x\nmatch: &m {executables: *m}\noperations: {}\n", "x.yaml:2: match.executables: want a list"},
		{"aliases of aliases", bomb + "tested: *i\n" + small, "x.yaml"},
		{"aliases of a long list", manyAliases, "more than 100000 values after following aliases"},
		{"a merge key", "<<: {title: x}\n" + small, "merge keys are not supported"},
		{"NUL bytes", "profile: a\x00b\n", "x.yaml"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := time.Now()
			p, err := Parse("x.yaml", []byte(tc.data))
			if err == nil {
				t.Fatalf("got %+v, want an error", p)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %.300q, want it to contain %q", err, tc.want)
			}
			if took := time.Since(before); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestHugeProfilesAreRefusedSoon(t *testing.T) {
	chain, captures := "paths:\n", small[:strings.Index(small, "start:")]+"start:\n          probe: usdt:exe:p:start\n          capture:\n"
	for i := range 3_000 {
		chain += fmt.Sprintf("  p%d: {of: p%d, getter: f}\n", i, i+1)
		captures += fmt.Sprintf("            c%d: {arg: 1, type: u8, if: c%d}\n", i, i+1)
	}
	for _, tc := range []struct{ name, data, want string }{
		{"paths", small + chain, "3000 are too many, want at most 256"},
		{"captures", captures + "        done: {probe: \"usdt:exe:p:done\"}\n", "3000 captures are too many"},
	} {
		before := time.Now()
		_, err := Parse("x.yaml", []byte(tc.data))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %.300v, want it to contain %q", tc.name, err, tc.want)
		}
		if took := time.Since(before); took > 10*time.Second {
			t.Errorf("%s: took %s", tc.name, took)
		}
	}
}

func TestLoadTakesNamesAndPaths(t *testing.T) {
	if p, err := Load("mariadb"); err != nil || p.Name != "mariadb" {
		t.Errorf("by name: %v, %v", p, err)
	}
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(path); err != nil || p.Name != "small" || p.At.File != path {
		t.Errorf("by path: %v, %v", p, err)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	fifo, large := filepath.Join(dir, "fifo.yaml"), filepath.Join(dir, "large.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil { // sparse
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, load, want string }{
		{"a mistyped name", "maria-db", `no such built-in profile (demo, linux-block, linux-exec, linux-files, linux-locks, linux-runq, linux-syscalls, linux-tcp, linux-wire, mariadb, mysql, postgresql) and no path of a .yaml file, did you mean "mariadb"?`},
		{"a path that climbs out of the built-in ones", "../catalog/demo", "no such file"},
		{"a missing file", "/nowhere/x.yaml", "no such file"},
		{"a folder", dir + "/", "not a regular file"},
		{"a FIFO", fifo, "not a regular file"},
		{"an endless file", large, "more than 1048576"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(tc.load)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want it to contain %q", err, tc.want)
			}
		})
	}
}

func TestDidYouMean(t *testing.T) {
	keys := []string{"start", "done", "point", "recursive"}
	for word, want := range map[string]string{
		"strat": "start", "Start": "start", "dnoe": "done", "recursiv": "recursive", "pont": "point",
		"": "", "x": "", "metric": "", strings.Repeat("start", 40): "",
	} {
		got := didYouMean(word, keys)
		if want == "" && got != "" || want != "" && got != fmt.Sprintf(", did you mean %q?", want) {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

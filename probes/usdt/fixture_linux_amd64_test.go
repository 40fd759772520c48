// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// buildFixture compiles testdata/values.c and guarded.c.
func buildFixture(t *testing.T, flags string) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	if out, err := exec.Command(gcc, "-fsyntax-only", "-include", "sys/sdt.h", "-x", "c", "/dev/null").CombinedOutput(); err != nil {
		t.Skipf("no sys/sdt.h (package systemtap-sdt-dev): %s", out)
	}
	path := filepath.Join(t.TempDir(), "fixture")
	args := append(strings.Fields(flags), "-w", "-o", path, "testdata/values.c", "testdata/guarded.c")
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("compile with %s: %v\n%s", flags, err, out)
	}
	return path
}

// binutil runs a program of binutils on a copy of path and returns the copy.
func binutil(t *testing.T, path, name string, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s: %v", name, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "changed")
	if err := os.WriteFile(changed, raw, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, append(args, changed)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return changed
}

func openFixture(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	return f
}

// fixtureHits is what the fixture's probes report, in the order of execution.
var fixtureHits = []string{
	"constants 1 -1 81985529216486895 255 -2",
	"globals -7 200 -3 102",
	"fields 114 -300 -70000 9223372036854775809 1.5 ?",
	"indexed 104 105",
	"twelve 1 20 300 4000 50000 600000 7000000 2 21 301 4001 50001",
	"several 1",
	"several 2",
	"several 3",
	"high 18 -1 171 127 52 65408",
	"scaled 103 104 102 102 101 103 104 105",
	"mixed ? -5 ? ? 6",
	"guarded 42",
}

func TestValuesReadFromARunningProgramAreRight(t *testing.T) {
	for _, c := range []struct {
		name, flags string
		change      func(*testing.T, string) string
		fixed       bool
	}{
		{"position-independent and optimised", "-O2 -fPIE -pie", nil, false},
		{"position-independent and not optimised", "-O0 -fPIE -pie", nil, false},
		{"fixed addresses", "-O2 -fno-pic -no-pie", nil, true},
		{"fixed addresses and not optimised", "-O0 -fno-pic -no-pie", nil, true},
		{"one segment for headers and code", "-O1 -fPIE -pie -Wl,-z,noseparate-code", nil, false},
		{"without .stapsdt.base", "-O2 -fPIE -pie", func(t *testing.T, path string) string {
			return binutil(t, path, "objcopy", "-R", ".stapsdt.base")
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := buildFixture(t, c.flags)
			if c.change != nil {
				path = c.change(t, path)
			}
			f := openFixture(t, path)
			got := traceHits(t, path, f, "guarded")
			got, fixed := takeFixed(got)
			if diff := cmp.Diff(fixtureHits, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c.fixed != (len(fixed) > 0) {
				t.Fatalf("hits of the probe fixed: %v", fixed)
			}
			// The last two are the address of one variable, as a constant
			// and as the program holds it.
			if c.fixed && (len(fixed) != 5 || fixed[1] != "105" || fixed[2] != "103" || fixed[3] != fixed[4]) {
				t.Errorf("got %v", fixed)
			}
		})
	}
}

// takeFixed splits off the hit of the probe that only fixed files have.
func takeFixed(hits []string) (rest, fixed []string) {
	for _, h := range hits {
		if strings.HasPrefix(h, "fixed ") {
			fixed = strings.Fields(h)
		} else {
			rest = append(rest, h)
		}
	}
	return rest, fixed
}

func TestTheFixtureHasEveryKindOfOperand(t *testing.T) {
	kinds := map[string]bool{}
	for _, flags := range []string{"-O2 -fPIE -pie", "-O2 -fno-pic -no-pie"} {
		for _, p := range openFixture(t, buildFixture(t, flags)).Probes {
			for _, s := range p.Sites {
				for _, a := range s.Args {
					kinds[a.Kind.String()] = true
					kinds["high"] = kinds["high"] || a.High
					kinds["rip"] = kinds["rip"] || a.Kind == Memory && a.Base == RIP
					kinds["float"] = kinds["float"] || a.Float
					kinds["no base"] = kinds["no base"] || a.Kind == Indexed && a.Base == NoRegister
				}
			}
		}
	}
	for _, k := range []string{"unavailable", "const", "register", "memory", "indexed", "high", "rip", "float", "no base"} {
		if !kinds[k] {
			t.Errorf("no argument is %s", k)
		}
	}
}

func TestSitesOfAProbeAreAllFound(t *testing.T) {
	f := openFixture(t, buildFixture(t, "-O2 -fPIE -pie"))
	if n := len(f.Find("fixture", "several").Sites); n != 3 {
		t.Errorf("%d sites of several, want 3", n)
	}
	guarded, other := f.Find("fixture", "guarded").Sites[0], f.Find("fixture", "other").Sites[0]
	if guarded.Semaphore == 0 || other.Semaphore != guarded.Semaphore+2 && guarded.Semaphore != other.Semaphore+2 {
		t.Errorf("semaphores at %#x and %#x", guarded.Semaphore, other.Semaphore)
	}
	if s := f.Find("fixture", "several").Sites[0]; s.Semaphore != 0 {
		t.Errorf("semaphore at %#x of a probe that has none", s.Semaphore)
	}
}

func TestAStrippedFileLosesOnlyTheArgumentsThatNameSymbols(t *testing.T) {
	path := binutil(t, buildFixture(t, "-O2 -fPIE -pie"), "strip")
	for _, a := range openFixture(t, path).Find("fixture", "scaled").Sites[0].Args {
		if named := strings.Contains(a.Text, "table"); named != (a.Kind == Unavailable) {
			t.Errorf("%s: got %v (%s)", a, a.Kind, a.Reason)
		}
	}
}

func TestASeparateDebugFileIsRefused(t *testing.T) {
	path := binutil(t, buildFixture(t, "-O2 -g -fPIE -pie"), "strip", "--only-keep-debug")
	if f, err := Open(path); err == nil {
		t.Errorf("got %d probes and no error", len(f.Probes))
	}
}

func TestAnObjectFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.o")
	source := filepath.Join(dir, "x.c")
	if err := os.WriteFile(source, []byte("int x;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	for name, args := range map[string][]string{"64 bits": {"-c"}, "32 bits": {"-c", "-m32"}} {
		if out, err := exec.Command(gcc, append(args, "-o", path, source)...).CombinedOutput(); err != nil {
			t.Fatalf("compile: %v\n%s", err, out)
		}
		if f, err := Open(path); err == nil {
			t.Errorf("%s: got %v and no error", name, f)
		}
	}
}

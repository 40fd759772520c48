// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readelfNotes lists the stapsdt notes of a file as binutils reads them.
func readelfNotes(t *testing.T, path string) []note {
	t.Helper()
	readelf, err := exec.LookPath("readelf")
	if err != nil {
		t.Skipf("no binutils: %v", err)
	}
	out, err := exec.Command(readelf, "-n", path).Output()
	if err != nil {
		t.Fatalf("readelf %s: %v", path, err)
	}
	var notes []note
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ": ")
		switch key {
		case "Provider":
			notes = append(notes, note{provider: value})
		case "Name":
			notes[len(notes)-1].name = value
		case "Location":
			n := &notes[len(notes)-1]
			if _, err := fmt.Sscanf(value, "0x%x, Base: 0x%x, Semaphore: 0x%x", &n.location, &n.base, &n.semaphore); err != nil {
				t.Fatalf("scan %q: %v", lines.Text(), err)
			}
		case "Arguments":
			notes[len(notes)-1].args = value
		}
	}
	return notes
}

// compareWithReadelf checks every note of a file against readelf and returns
// the number of notes.
func compareWithReadelf(t *testing.T, path string) int {
	t.Helper()
	want := readelfNotes(t, path)
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, faults, err := readNotes(f)
	if err != nil || len(faults) > 0 {
		t.Fatalf("faults %v, error %v", faults, err)
	}
	for i := range got {
		got[i].section, got[i].offset = "", 0
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(note{})); diff != "" {
		t.Errorf("(-readelf +got):\n%s", diff)
	}
	return len(want)
}

func TestRealFilesAgreeWithReadelf(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		probes        int // 0 if it varies between versions
		sites         int
		unavailable   bool // some arguments may be
	}{
		{"PostgreSQL 15", "/usr/lib/postgresql/15/bin/postgres", 57, 0, false},
		{"Python 3.11", "/usr/bin/python3.11", 8, 8, false},
		{"libstdc++", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 3, 3, false},
		{"MariaDB with native probes", mariadbPattern(), 0, 83, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			paths, err := filepath.Glob(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if len(paths) == 0 {
				t.Skipf("%s is not installed", c.pattern)
			}
			for _, path := range paths {
				n := compareWithReadelf(t, path)
				probes, sites := checkRealFile(t, path, c.unavailable)
				if sites != n || (c.sites != 0 && sites != c.sites) {
					t.Errorf("%s: %d sites, want %d, and readelf has %d", path, sites, c.sites, n)
				}
				if c.probes != 0 && probes != c.probes {
					t.Errorf("%s: %d probes, want %d", path, probes, c.probes)
				}
			}
		})
	}
}

// mariadbPattern matches the servers that make mariadb-dtrace builds.
func mariadbPattern() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(cache, "spanbridge", "mariadb-dtrace", "*", "mariadbd")
}

// checkRealFile checks that the whole file can be used and counts its probes
// and sites.
func checkRealFile(t *testing.T, path string, unavailable bool) (probes, sites int) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Err(); err != nil {
		t.Error(err)
	}
	for _, p := range f.Probes {
		sites += len(p.Sites)
		for _, s := range p.Sites {
			where := fmt.Sprintf("%s: %s:%s at %#x", path, p.Provider, p.Name, s.Address)
			if s.ArgsErr != nil {
				t.Errorf("%s: %v", where, s.ArgsErr)
			}
			if s.Instruction.Kind == OtherInstruction {
				t.Errorf("%s: instruction % x", where, s.Instruction.Bytes)
			}
			if n := len(strings.Fields(s.RawArgs)); f.Machine == elf.EM_X86_64 && n != len(s.Args) {
				t.Errorf("%s: %d arguments of %q", where, len(s.Args), s.RawArgs)
			}
			for _, a := range s.Args {
				if a.Kind == Unavailable && !unavailable {
					t.Errorf("%s: argument %s: %s", where, a, a.Reason)
				}
			}
		}
	}
	return len(f.Probes), sites
}

func TestSymbolsOfRealFilesAgreeWithTheSymbolTable(t *testing.T) {
	const path = "/usr/lib/postgresql/15/bin/postgres"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("PostgreSQL 15 is not installed: %v", err)
	}
	raw, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	symbols, err := raw.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	address := map[string]uint64{}
	for _, s := range symbols {
		address[s.Name] = s.Value
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range f.Probes {
		for _, s := range p.Sites {
			for _, a := range s.Args {
				name, ok := strings.CutSuffix(a.Text[strings.Index(a.Text, "@")+1:], "(%rip)")
				if !ok {
					continue
				}
				seen++
				var offset int64
				if number, symbol, ok := strings.Cut(name, "+"); ok {
					name = symbol
					if _, err := fmt.Sscan(number, &offset); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := s.Address+uint64(a.Disp), address[name]+uint64(offset); got != want || a.Kind != Memory || a.Base != RIP {
					t.Errorf("%s: %s is at %#x, want %#x (%+v)", p.Name, a, got, want, a)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no argument names a symbol")
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callRounds is how often the program of fixtures/calls.c calls in every way.
const callRounds = 20

// buildCalls builds it with these options of the compiler, or with its functions in
// a library.
func buildCalls(t *testing.T, library bool, options ...string) string {
	t.Helper()
	folder := t.TempDir()
	program, so := filepath.Join(folder, "calls"), filepath.Join(folder, "libcalls.so")
	builds := [][]string{append([]string{"-rdynamic", "-o", program, "fixtures/calls.c"}, options...)}
	if library {
		builds = [][]string{
			append([]string{"-fPIC", "-shared", "-DLIBRARY", "-o", so, "fixtures/calls.c"}, options...),
			{"-DPROGRAM", "-o", program, "fixtures/calls.c", so},
		}
	}
	for _, args := range builds {
		if out, err := exec.Command("cc", append([]string{"-O2", "-Wl,--build-id"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("cc %s: %v\n%s", args, err, out)
		}
	}
	return program
}

// callsProfile is testdata/calls.yaml for a file, with the keys that are wanted.
func callsProfile(t *testing.T, file, without string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/calls.yaml")
	if err != nil {
		t.Fatal(err)
	}
	profile := strings.ReplaceAll(string(text), "FILE", file)
	if without != "" {
		profile = regexp.MustCompile(`(?m)^ *`+without+`: .*\n`).ReplaceAllString(profile, "")
	}
	path := filepath.Join(t.TempDir(), "calls.yaml")
	if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCallsAreHitHoweverAProgramWasBuilt(t *testing.T) {
	t.Parallel()
	const direct, all = 3, 4 // kinds of calls: by name, and those of callbacks too
	for _, test := range []struct {
		name    string
		options []string
		library bool
		without string // key of the profile
		kinds   int
		atEntry string // why, "" if it is not
	}{
		{name: "as usual", kinds: direct},
		{name: "with branch protection", options: []string{"-fcf-protection=full"}, kinds: direct},
		{name: "without linkage table", options: []string{"-fno-plt"}, kinds: direct},
		{name: "at fixed addresses", options: []string{"-no-pie"}, kinds: direct},
		{name: "with large code", options: []string{"-ffunction-sections", "-Wl,--gc-sections", "-Wl,-z,separate-code"}, kinds: direct},
		{name: "in a library", library: true, without: "except", kinds: all},
		{name: "in a library with branch protection", library: true, without: "except", options: []string{"-fcf-protection=full", "-Wl,-z,ibtplt"}, kinds: all},
		{name: "in a library without linkage table", library: true, without: "except", options: []string{"-fno-plt"}, kinds: all},
		{name: "in a library that binds at once", library: true, without: "except", options: []string{"-Wl,-z,now"}, kinds: all},
		{name: "in a library that calls itself", library: true, without: "except", options: []string{"-Wl,-Bsymbolic-functions", "-fno-plt", "-Wl,--no-relax"}, kinds: all},
		{
			name: "without the bounds of functions", options: []string{"-fno-asynchronous-unwind-tables", "-fno-unwind-tables"},
			kinds: all, atEntry: "calls of work_begin: not all calls are certain: ",
		},
		{
			name: "where callbacks are not known", library: true,
			kinds: all, atEntry: "calls of work_begin: start_callbacks: not decoded: it does not call the function at ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			program := startWaiting(t, buildCalls(t, test.library, test.options...), fmt.Sprint(callRounds))
			file := "exe"
			if test.library {
				file = "libcalls.so"
			}
			profile := callsProfile(t, file, test.without)
			// What it finds is kept for the bridge.
			op := doctor(t, 0, "--target", program.pid, "--profile", profile).Targets[0].Operations[0]
			if !strings.HasPrefix(op.AtEntry, test.atEntry) || (test.atEntry == "") != (op.AtEntry == "") {
				t.Errorf("at the entry for %q, want %q", op.AtEntry, test.atEntry)
			}
			b := startBridge(t, "--target", program.pid, "--profile", profile)
			// kind * 3 + round + 15, less 1, and what is added beside.
			sum := callRounds*(3*(1+2+3+4)+4*15-4+4) + 3*callRounds*(callRounds+1)/2
			if out := program.enter(); out != fmt.Sprintf("sum %d\n", sum) {
				t.Errorf("the program printed %q, want a sum of %d", out, sum)
			}
			r := b.stop()
			r.mustClose(t)
			var got, want []string
			for _, s := range r.spans {
				got = append(got, fmt.Sprintf("%v in %v", s.Attrs["kind"], s.Attrs["round"]))
			}
			for round := 1; round <= callRounds; round++ {
				for kind := 1; kind <= test.kinds; kind++ {
					within := round
					if kind == all {
						within = 0
					}
					want = append(want, fmt.Sprintf("%d in %d", kind, within))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("kinds of calls (-want +got):\n%s", diff)
			}
			if row := r.ledger["calls/work/uprobe"]; row["starts"] != uint64(len(want)) || row["paired"] != uint64(len(want)) {
				t.Errorf("ledger: %v", row)
			}
		})
	}
}

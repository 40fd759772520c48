// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// generate runs spanbridge probes generate and returns the file of the profile,
// which profiles check has accepted.
func generate(t *testing.T, target string) string {
	t.Helper()
	bridge, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(bridge, "probes", "generate", target).Output()
	if err != nil {
		t.Fatalf("generate for %s: %v", target, err)
	}
	file := filepath.Join(t.TempDir(), "draft.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bridge, "profiles", "check", file).CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	return file
}

// What is recorded in probes/draft is what Debian's programs have.
func TestDraftsOfInstalledProgramsAreThoseOfTheGoldens(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"postgres":   "/usr/lib/postgresql/15/bin/postgres",
		"python3.11": "/usr/bin/python3",
	} {
		// A copy, which no process runs.
		copied := filepath.Join(t.TempDir(), name)
		if out, err := exec.Command("cp", "-L", path, copied).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v\n%s", path, err, out)
		}
		got, err := os.ReadFile(generate(t, copied))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("../probes/draft/testdata/" + name + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestDraftOfUSDTDemoGivesASpanForEveryCall(t *testing.T) {
	t.Parallel()
	program := buildUSDTDemo(t)
	profile := generate(t, program)
	demo := startWaiting(t, program, "-w", strconv.Itoa(demoCalls), strconv.FormatInt(demoSleep.Milliseconds(), 10))
	bridge := startBridge(t, "--profile", profile, "--target", demo.pid)
	demo.enter()
	r := bridge.stop()
	r.mustClose(t)
	if len(r.spans) != demoCalls {
		t.Errorf("%d calls gave %d spans\n%s", demoCalls, len(r.spans), r.stderr)
	}
	for _, s := range r.spans {
		if s.Name != "query" || s.Kind != kindInternal || s.duration() < demoSleep {
			t.Errorf("span %q of kind %d took %v", s.Name, s.Kind, s.duration())
		}
	}
}

// Python has probes with arguments, of which one is the address of a text.
func TestDraftOfPythonTellsArguments(t *testing.T) {
	t.Parallel()
	draft, err := os.ReadFile(generate(t, "/usr/bin/python3"))
	if err != nil {
		t.Fatal(err)
	}
	// As a reader would do who knows that the second argument is the function's name.
	edited := strings.Replace(string(draft), "arg1: {arg: 1, type: u64}", "arg1: {arg: 1, type: string}", 1)
	if edited == string(draft) {
		t.Fatalf("the draft has no such argument:\n%s", draft)
	}
	profile := filepath.Join(t.TempDir(), "python.yaml")
	if err := os.WriteFile(profile, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script.py")
	lines := "import sys\ndef traced(n): return n\nprint('process', __import__('os').getpid(), 'waits', flush=True)\n" +
		"sys.stdin.readline()\nfor i in range(23): traced(i)\n"
	if err := os.WriteFile(script, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	python := startWaiting(t, "/usr/bin/python3", "-I", script)
	bridge := startBridge(t, "--profile", profile, "--target", python.pid)
	python.enter()
	r := bridge.stop()
	r.mustClose(t)
	calls := 0
	for _, s := range r.spans {
		if s.Name == "function" && s.Attrs["python.function.arg1"] == "traced" {
			calls++
		}
	}
	if calls != 23 {
		t.Errorf("23 calls gave %d spans of the function\n%s", calls, r.stderr)
	}
}

// A process's libraries belong to the draft, and its version if a built-in
// profile knows where to find it.
func TestDraftOfARunningServerHasItsLibrariesAndVersion(t *testing.T) {
	t.Parallel()
	server := startServer(t, tier{start: servers.StockMariaDB})
	draft, err := os.ReadFile(generate(t, strconv.Itoa(server.PID)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"executables: [mariadbd]", "usdt:libstdc++.so*:libstdcxx:throw", "\ntested: [\"10.11."} {
		if !strings.Contains(string(draft), want) {
			t.Errorf("no %q in\n%s", want, draft)
		}
	}
}

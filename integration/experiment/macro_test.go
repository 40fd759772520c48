// SPDX-License-Identifier: Apache-2.0

//go:build integration

package experiment

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/experiment"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// kinship lists the running processes that a process has started, with their names.
func kinship(pid int) map[int]string {
	all := make(map[int]string)
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(f)
			name, _ := os.ReadFile("/proc/" + f + "/comm")
			all[child] = strings.TrimSpace(string(name))
		}
	}
	return all
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// Whenever it is killed, the server can be put back, and nobody goes on watching it.
func TestAMacroExperimentThatIsKilledLeavesNothingThatCannotBePutBack(t *testing.T) {
	s, err := servers.StockMariaDB(t.Context())
	w := start(t, s, err)
	before := w.snapshot()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	for _, method := range []string{"generallog", "uprobe"} {
		cmd := exec.Command(path, "experiment", "macro", "--dsn", w.dsn, "--state", state,
			"--load", "mixed", "--methods", method, "--rounds", "6", "--slice", "500ms")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		watches := 0
		eventually(t, method+" is on", func() bool {
			if method == "generallog" {
				return w.number("SELECT @@GLOBAL.general_log") == 1
			}
			for pid, name := range kinship(cmd.Process.Pid) {
				if name == "spanbridge" {
					watches = pid
				}
			}
			return watches != 0
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		eventually(t, "nobody watches the server", func() bool {
			_, err := os.Stat("/proc/" + strconv.Itoa(watches))
			return watches == 0 || err != nil
		})
		if diff := cmp.Diff(before, w.snapshot()); diff == "" {
			t.Errorf("%s: killed before anything was changed", method)
		}
		if _, code := spanbridge(t, "experiment", "macro", "--dsn", w.dsn, "--state", state, "--load", "mixed"); code != 1 {
			t.Errorf("%s: another experiment before the server is put back: exit code %d", method, code)
		}
		if _, code := spanbridge(t, "compare", "--restore", "--dsn", w.dsn, "--state", state); code != 0 {
			t.Errorf("%s: put back: exit code %d", method, code)
		}
		if diff := cmp.Diff(before, w.snapshot()); diff != "" {
			t.Errorf("%s: the server is not put back (-before +after):\n%s", method, diff)
		}
		w.noLogs()
	}
}

// An experiment is kept, judged to be as good as itself, and a comparison measures cost too.
func TestCostOfMethodsIsMeasuredByBothCommands(t *testing.T) {
	s, err := servers.StockMariaDB(t.Context())
	w := start(t, s, err)
	kept := filepath.Join(t.TempDir(), "kept.json")
	short := []string{"--dsn", w.dsn, "--state", filepath.Join(t.TempDir(), "state"), "--load", "mixed", "--methods", "slowlog,usdt", "--rounds", "6", "--slice", "200ms"}
	if out, code := spanbridge(t, append([]string{"experiment", "macro", "--save", kept}, short...)...); code != 0 || !strings.Contains(string(out), "\nslowlog ") {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	d, err := experiment.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *cost.Result) {
		t.Helper()
		if r == nil || len(r.Methods) != 4 || r.Methods[3].Name != "slowlog" || r.Methods[3].Pairs != 6 || r.Methods[3].BytesPerStatement < 30 {
			t.Fatalf("%+v", r)
		}
		if usdt := r.Methods[2]; usdt.Name != "usdt" || usdt.Missing != "the server has no USDT probes" {
			t.Errorf("a stock server: %+v", usdt)
		}
	}
	check(d.Cost)
	if out, code := spanbridge(t, "experiment", "judge", kept, kept); code != 0 || strings.Contains(string(out), "worse") {
		t.Errorf("judged by itself: exit code %d\n%s", code, out)
	}
	out, code := spanbridge(t, append([]string{"compare", "--accounts", "journal,probes", "--duration", "1s", "--cost", "--json"}, short...)...)
	var told struct{ Cost *cost.Result }
	if err := json.Unmarshal(out, &told); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	check(told.Cost)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// troubled is a diagnosis with something of everything.
func troubled() *diagnosis {
	const hostile = "\x1b]0;owned\x07"
	native := probes.Miss{Tier: "usdt", Reason: "/usr/sbin/mariadbd has no probe mysql:query__start", Mend: "a server built with -DENABLE_DTRACE=ON"}
	user := probes.MissingCapture{Capture: "user", Attributes: []string{"user.name"}, Reason: "thd_user_name: not decoded: a call to a function that is not known"}
	return &diagnosis{
		Detail: "phases",
		Host: []probes.Check{
			{Name: "privileges", State: probes.StateMissing, Detail: "without CAP_SYS_PTRACE", Mend: "run it as root, or add: setpriv, AmbientCapabilities= of systemd, --cap-add of docker"},
			{Name: "kernel", State: probes.StateOK, Detail: "Linux 6.1.0"},
			{Name: "uprobe_multi", State: probes.StateLimited, Detail: "single uprobes are used", Mend: "use Linux 6.6 or later"},
			{Name: "programs", State: probes.StateUnknown, Detail: "cannot be told without the privileges"},
		},
		Examination: &probes.Examination{
			Report: probes.Report{Targets: []probes.TargetReport{
				{
					PID: 123, Executable: "/usr/sbin/mariadbd", Profile: "mariadb", Version: "11.8.9-MariaDB", ContainerID: strings.Repeat("0f", 32),
					Standing: probes.StandingUnproven, Tested: []string{"10.11.19"},
					Operations: []probes.OperationReport{
						{
							Name: "query", Tier: "uprobe", CostNs: 12900, Lacks: []string{"rows", "phases"},
							Sites:   []probes.OperationSite{{Cost: probes.CostEmulated}, {Cost: probes.CostStepped}},
							Missing: []probes.MissingCapture{user}, Misses: []probes.Miss{native},
						},
						{Name: "prepare", Tier: "uprobe", Sites: []probes.OperationSite{{Cost: probes.CostUnknown}}, Missing: []probes.MissingCapture{user}},
						{
							Name: "wait", Tier: "uprobe", CostNs: 2800, Sites: []probes.OperationSite{{Cost: probes.CostEmulated}, {Cost: probes.CostEmulated}},
							AtEntry: "calls of thd_wait_begin: not all calls are certain: the program has no .eh_frame_hdr",
						},
					},
					Unseen:  []probes.UnseenReport{{Name: "connect", Misses: []probes.Miss{native, {Tier: "plugin", Reason: "*spanbridge_usdt.so is not loaded"}}}},
					LeftOut: []string{"stage"},
					Hints:   []probes.Hint{{Operations: []string{"query", "connect"}, Tier: "usdt", Mend: native.Mend}},
				},
				{
					PID: 124, Executable: "/srv/" + hostile, Profile: "demo", Version: hostile, Standing: probes.StandingNone,
					Unseen: []probes.UnseenReport{{Name: "execute", Misses: []probes.Miss{{Tier: "usdt", Reason: "/srv/" + hostile + " has no probe mysql:query__start"}}}},
				},
			}},
			Unknown: []probes.UnknownProcess{{PID: 125, Executable: "/bin/sleep", Reason: "no profile in use serves it"}},
		},
	}
}

func drawn(t *testing.T, d *diagnosis, color bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&doctorPage{out: &out, color: color}).print(d); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDoctorDrawsWhatItFound(t *testing.T) {
	got := drawn(t, troubled(), false)
	golden := filepath.Join("testdata", "doctor.golden")
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
		t.Errorf("the page differs (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > pageWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if nothing := drawn(t, &diagnosis{Examination: &probes.Examination{}}, false); !strings.Contains(nothing, "no server that a profile knows is running") {
		t.Errorf("of a host without servers it says %q", nothing)
	}
}

func TestDoctorUsesColourForTerminalsOnly(t *testing.T) {
	plain, coloured := drawn(t, troubled(), false), drawn(t, troubled(), true)
	if strings.Contains(plain, "\x1b") || !strings.Contains(coloured, "\x1b[31mmissing\x1b[0m") || strings.Contains(coloured, "owned\x07") {
		t.Errorf("plain:\n%q\ncoloured:\n%q", plain, coloured)
	}
}

func TestVerdictOfDoctorIsTheExitCode(t *testing.T) {
	served := func() *diagnosis {
		return &diagnosis{
			Host:        []probes.Check{{Name: "BTF", State: probes.StateOK}, {Name: "uprobe_multi", State: probes.StateLimited}},
			Examination: &probes.Examination{Report: probes.Report{Targets: []probes.TargetReport{{PID: 1}}}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*diagnosis)
		code   int
	}{
		{"everything is served", func(*diagnosis) {}, exitDone},
		{"the host lacks something", func(d *diagnosis) { d.Host[0].State = probes.StateMissing; d.Targets = nil }, exitMissing},
		{"an operation is not served", func(d *diagnosis) { d.Targets[0].Unseen = make([]probes.UnseenReport, 1) }, exitMissing},
		{"a target is not running", func(d *diagnosis) { d.Targets = nil }, exitFailed},
		{"a target is of no profile", func(d *diagnosis) { d.Unknown = make([]probes.UnknownProcess, 1) }, exitFailed},
	} {
		d := served()
		c.change(d)
		code := exitDone
		if err := d.verdict([]string{"mysqld"}); err != nil {
			code = exitCode(err)
		}
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.name, code, c.code)
		}
	}
	idle := served()
	idle.Targets = nil
	if err := idle.verdict(nil); err != nil {
		t.Errorf("without servers, and none asked for: %v", err)
	}
}

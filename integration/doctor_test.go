// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// doctorReport is what the tests look at in the JSON of spanbridge doctor, by
// the names of docs/doctor.md.
type doctorReport struct {
	Served bool
	Host   []struct{ Name, State, Detail, Mend string }

	Targets []struct {
		PID                          int
		Executable, Profile, Version string
		Standing                     string
		ContainerID                  string   `json:"container_id"`
		Tested                       []string `json:"tested"`
		LeftOut                      []string `json:"left_out"`
		Hints                        []struct{ Tier, Mend string }
		Unseen                       []doctorUnseen
		Operations                   []struct {
			Name, Tier string
			CostNs     int64  `json:"cost_ns"`
			AtEntry    string `json:"at_entry"`
			Sites      []struct {
				Probe, File, Cost string
				Offset            uint64
			}
			Missing []struct {
				Capture, Reason string
				Attributes      []string
			}
		}
	}
	Unknown []struct {
		PID    int
		Reason string
	}
}

type doctorUnseen struct {
	Name   string
	Misses []struct{ Tier, Reason, Mend string }
}

// doctor runs spanbridge doctor, which must end with that exit code.
func doctor(t *testing.T, wantCode int, args ...string) *doctorReport {
	t.Helper()
	code, stdout, stderr := command(t, nil, append([]string{"doctor", "--json"}, args...)...)
	if code != wantCode {
		t.Errorf("doctor %v: exit code %d, want %d\n%s%s", args, code, wantCode, stdout, stderr)
	}
	var r doctorReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("doctor %v: %v\n%s", args, err, stdout)
	}
	if r.Served != (code == 0) {
		t.Errorf("doctor %v: served: %v with exit code %d", args, r.Served, code)
	}
	return &r
}

// names of the operations that some tier serves.
func (r *doctorReport) served() (names []string) {
	for _, op := range r.Targets[0].Operations {
		names = append(names, op.Name)
	}
	return names
}

func (r *doctorReport) unseen() (names []string) {
	for _, op := range r.Targets[0].Unseen {
		names = append(names, op.Name)
	}
	return names
}

// missing maps captures of an operation that the program does not allow to why.
func (r *doctorReport) missing(operation string) map[string]string {
	all := make(map[string]string)
	for _, op := range r.Targets[0].Operations {
		for _, m := range op.Missing {
			if op.Name == operation {
				all[m.Capture] = m.Reason
			}
		}
	}
	return all
}

// testedWith writes a copy of a built-in profile that was tested with another
// version.
func testedWith(t *testing.T, profile, version string) string {
	t.Helper()
	code, text, stderr := command(t, nil, "profiles", "show", profile)
	if code != 0 {
		t.Fatal(stderr)
	}
	changed := regexp.MustCompile(`(?m)^tested: .*$`).ReplaceAllString(text, `tested: ["`+version+`"]`)
	file := filepath.Join(t.TempDir(), profile+".yaml")
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil || changed == text {
		t.Fatalf("write a profile that differs: %v", err)
	}
	return file
}

func start(t *testing.T, s *servers.Server, err error) *servers.Server {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestDoctorSaysOfMySQLThatEveryOperationIsServed(t *testing.T) {
	t.Parallel()
	s, err := servers.MySQL(t.Context())
	start(t, s, err)
	r := doctor(t, 0, "--target", pidOf(s))
	for _, c := range r.Host {
		if c.State != "ok" && c.Mend == "" {
			t.Errorf("%s is %s (%s), and there is no mend", c.Name, c.State, c.Detail)
		}
	}
	target := r.Targets[0]
	if target.PID != s.PID || target.Profile != "mysql" || target.Standing != "tested" || !strings.HasPrefix(target.Version, "9.7.") {
		t.Errorf("target %d: profile %s, version %s, %s", target.PID, target.Profile, target.Version, target.Standing)
	}
	if diff := cmp.Diff([]string{"stage", "syscall", "block"}, target.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	for _, op := range target.Operations {
		if len(op.Missing) > 0 {
			t.Errorf("%s misses %v", op.Name, op.Missing)
		}
		if op.CostNs < 1000 || len(op.Sites) < 2 {
			t.Errorf("%s costs %d ns at %d sites", op.Name, op.CostNs, len(op.Sites))
		}
		for _, at := range op.Sites {
			if at.Offset == 0 || at.Cost == "" || at.File != "/usr/sbin/mysqld" || !strings.HasPrefix(at.Probe, "u") {
				t.Errorf("site of %s: %+v", op.Name, at)
			}
		}
	}
	staged := doctor(t, 0, "--target", pidOf(s), "--detail", "stages")
	if op := staged.Targets[0].Operations[0]; op.Name != "query" || op.Tier != "psi" {
		t.Errorf("%s by %s, want stages", op.Name, op.Tier)
	}
	other := doctor(t, 0, "--target", pidOf(s), "--profile", testedWith(t, "mysql", "9.6.0")).Targets[0]
	if other.Standing != "unproven" || len(other.Tested) != 1 || other.Tested[0] != "9.6.0" {
		t.Errorf("with a profile of another version it is %s, tested with %v", other.Standing, other.Tested)
	}
}

func TestDoctorNamesTheSwitchThatStagesNeed(t *testing.T) {
	t.Parallel()
	s, err := servers.MySQL(t.Context(), servers.WithArgs("--performance-schema=OFF"))
	start(t, s, err)
	r := doctor(t, 0, "--target", pidOf(s), "--detail", "stages")
	if op := r.Targets[0].Operations[0]; op.Name != "query" || op.Tier != "uprobe" {
		t.Errorf("%s by %s", op.Name, op.Tier)
	}
	if !slices.ContainsFunc(r.Targets[0].Hints, func(h struct{ Tier, Mend string }) bool {
		return h.Tier == "psi" && strings.Contains(h.Mend, "performance_schema=ON")
	}) {
		t.Errorf("no hint of performance_schema: %+v", r.Targets[0].Hints)
	}
}

func TestDoctorNamesWhatAStrippedServerDoesNotExport(t *testing.T) {
	t.Parallel()
	s, err := servers.StrippedMySQL56(t.Context())
	start(t, s, err)
	r := doctor(t, 3, "--target", pidOf(s), "--detail", "stages")
	if op := r.Targets[0].Operations[0]; op.Name != "query" || op.Tier != "uprobe-old" {
		t.Errorf("%s by %s", op.Name, op.Tier)
	}
	for _, op := range r.Targets[0].Operations {
		// Of a wait only what is locked, and by whom, is told by functions that 5.6 has
		// not yet.
		if len(op.Missing) > 0 != (op.Name == "wait") {
			t.Errorf("%s misses %v", op.Name, op.Missing)
		}
		for _, m := range op.Missing {
			if !strings.Contains(m.Reason, "is not exported") && !strings.Contains(m.Reason, "exports no function") {
				t.Errorf("%s misses %s: %s", op.Name, m.Capture, m.Reason)
			}
		}
	}
	want := map[string]string{"stage": "start_stage_v1", "flush": "_Z29trx_commit_complete_for_mysqlP5trx_t", "read": "_Z13buf_read_pagemmm"}
	for _, op := range r.Targets[0].Unseen {
		symbol := want[op.Name]
		delete(want, op.Name)
		if symbol == "" || !slices.ContainsFunc(op.Misses, func(m struct{ Tier, Reason, Mend string }) bool {
			return strings.Contains(m.Reason, symbol)
		}) {
			t.Errorf("%s is not seen: %+v, want a reason with %q", op.Name, op.Misses, symbol)
		}
	}
	if len(want) > 0 {
		t.Errorf("seen without a symbol table: %v", want)
	}
}

func TestDoctorJudgesTheVersionsOfMariaDB(t *testing.T) {
	t.Parallel()
	stock, err := servers.StockMariaDB(t.Context())
	start(t, stock, err)
	boxed, err := servers.MariaDB118(t.Context())
	start(t, boxed, err)
	for _, s := range []*servers.Server{stock, boxed} {
		// Connections are told by native probes and by the plugin only. Parse and execute
		// are, as operations, but there they are phases of a query.
		r := doctor(t, 3, "--target", pidOf(s))
		target := r.Targets[0]
		if target.Profile != "mariadb" || target.Standing != "tested" || !strings.Contains(target.Version, "MariaDB") {
			t.Errorf("profile %s, version %s, %s", target.Profile, target.Version, target.Standing)
		}
		if !slices.Contains(r.served(), "query") || !slices.Contains(r.unseen(), "connect") || slices.Contains(r.unseen(), "parse") {
			t.Errorf("served %v, not seen %v", r.served(), r.unseen())
		}
		for _, op := range target.Unseen {
			for _, m := range op.Misses {
				if m.Tier == "usdt" && (!strings.Contains(m.Reason, "has no probe mysql:") || m.Mend == "") {
					t.Errorf("%s is not seen by %s: %q, mend %q", op.Name, m.Tier, m.Reason, m.Mend)
				}
			}
		}
		other := doctor(t, 3, "--target", pidOf(s), "--profile", testedWith(t, "mariadb", "10.5.1")).Targets[0]
		if other.Standing != "unproven" {
			t.Errorf("with a profile of another version it is %s", other.Standing)
		}
	}
}

func TestDoctorDisturbsNoBridgeThatRuns(t *testing.T) {
	t.Parallel()
	s := byUprobe.server(t)
	db := openPool(t, s)
	b := startBridge(t, "--target", pidOf(s), "--detail", "query")
	mustExec(t, db, "DO 1")
	doctor(t, 3, "--target", pidOf(s))
	mustExec(t, db, "DO 2")
	r := b.stop()
	r.mustClose(t)
	if len(r.spans) != 2 {
		t.Errorf("%d spans of 2 statements", len(r.spans))
	}
}

func TestDoctorWithoutPrivilegeNamesWhatIsMissing(t *testing.T) {
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	code, stdout, stderr := command(t, nobody, "doctor")
	if code != 3 || !strings.Contains(stderr, "for lack of: privileges") {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
	if want := "missing  privileges            without CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE"; !strings.Contains(stdout, want) {
		t.Errorf("%q is not in\n%s", want, stdout)
	}
	if code, _, stderr := command(t, nobody, "doctor", "--target", "1"); code != 3 || !strings.Contains(stderr, "privileges") {
		t.Errorf("exit code %d, standard error %q", code, stderr)
	}
}

// startLookalike starts a program that exports a part of what the profile of
// MySQL asks for.
func startLookalike(t *testing.T) *waitingDemo {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mysqld")
	if out, err := exec.Command("cc", "-O2", "-rdynamic", "-o", program, "fixtures/lookalike.c").CombinedOutput(); err != nil {
		t.Fatalf("build the look-alike: %v\n%s", err, out)
	}
	return startWaiting(t, program)
}

func TestWhatABinaryLacksIsNamedAndTheRestWorks(t *testing.T) {
	t.Parallel()
	server := startLookalike(t)
	r := doctor(t, 3, "--target", server.pid)
	if target := r.Targets[0]; target.Profile != "mysql" || target.Version != "9.9.1-lookalike" || target.Standing != "unproven" {
		t.Errorf("profile %s, version %s, %s", target.Profile, target.Version, target.Standing)
	}
	if diff := cmp.Diff([]string{"query"}, r.served()); diff != "" {
		t.Errorf("served operations (-want +got):\n%s", diff)
	}
	for _, op := range r.Targets[0].Unseen {
		if len(op.Misses) == 0 || op.Misses[0].Reason == "" {
			t.Errorf("it is not said why %s is not seen", op.Name)
		}
	}
	missing := r.missing("query")
	for capture, reason := range map[string]string{
		"user":    "_ZNK16Security_context4userEv: not decoded: a call",
		"address": "_ZNK16Security_context2ipEv is not exported",
		"context": "_ZN26mysql_query_attributes_imp7releaseEP36mysqlh_query_attributes_iterator_imp is not exported",
	} {
		if !strings.Contains(missing[capture], reason) {
			t.Errorf("%s is missing: %q, want %q", capture, missing[capture], reason)
		}
	}

	b := startBridge(t, "--target", server.pid, "--detail", "query")
	server.enter()
	got := b.stop()
	got.mustClose(t)
	for _, line := range []string{
		"process " + server.pid + " (mysqld 9.9.1, unproven): query by uprobe\n",
		"process " + server.pid + ": no user in query: _ZNK16Security_context4userEv: not decoded",
		"process " + server.pid + ": not seen: prepare, nested; why: spanbridge doctor --target " + server.pid,
	} {
		if !strings.Contains(got.stderr, "spanbridge: "+line) {
			t.Errorf("run did not say %q\n%s", line, got.stderr)
		}
	}
	want := []string{"SELECT ? AS one", "SELECT * FROM nothing", "SELECT ? AS three"}
	if len(got.spans) != len(want) {
		t.Fatalf("%d spans, want %d\n%s", len(got.spans), len(want), got.stderr)
	}
	for i, s := range got.spans {
		if s.text() != want[i] || s.Attrs["db.namespace"] != "shop" || s.Attrs["spanbridge.connection.id"] != int64(4711) {
			t.Errorf("span %d: %v", i, s.Attrs)
		}
		if user, ok := s.Attrs["user.name"]; ok {
			t.Errorf("span %d has the user %v, which could not be decoded", i, user)
		}
		if code := s.Attrs["db.response.status_code"]; (i == 1) != (code == "1146") {
			t.Errorf("span %d has the error %v", i, code)
		}
	}
}

// A profile that is named serves whatever process is named, so a wrong one can
// be: nothing of it is guessed.
func TestAWrongProfileIsToldByEveryOperationThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := byUprobe.server(t)
	r := doctor(t, 3, "--target", pidOf(s), "--profile", "mysql")
	if !slices.Contains(r.unseen(), "query") || slices.Contains(r.served(), "query") {
		t.Errorf("served %v, not seen %v", r.served(), r.unseen())
	}
	if target := r.Targets[0]; target.Standing != "unproven" {
		t.Errorf("MariaDB %s is %s by the profile of MySQL", target.Version, target.Standing)
	}
	right := doctor(t, 3, "--target", pidOf(s))
	if !slices.Contains(right.served(), "query") {
		t.Errorf("by its own profile it is served %v only", right.served())
	}
}

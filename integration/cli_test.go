// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/program"
)

// command runs spanbridge to its end. A nil user stands for root.
func command(t *testing.T, user *syscall.Credential, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	built, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "spanbridge-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // so that any user may execute it
		t.Fatal(err)
	}
	shell(t, `install -m 755 "$1" "$2/"`, built, dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, filepath.Base(built)), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestFailuresSayInALineWhatIsWrong(t *testing.T) {
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sleeper.Process.Kill()
		sleeper.Wait()
	})
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	sleepPID := strconv.Itoa(sleeper.Process.Pid)
	for _, c := range []struct {
		name   string
		user   *syscall.Credential
		args   []string
		code   int
		lines  int
		stderr string
	}{
		{
			"without privilege", nobody, []string{"run", "--export", "none"}, 3, 1,
			`^spanbridge: .*not permitted: run as root, or with CAP_BPF, CAP_PERFMON`,
		},
		{
			"without privilege to see a process", nobody, []string{"probes", "list", sleepPID}, 3, 1,
			`^spanbridge: look at process ` + sleepPID + `: not permitted`,
		},
		{
			"a target without probes", nil, []string{"run", "--export", "none", "--profile", "mariadb", "--target", sleepPID}, 3, 3,
			`spanbridge: process ` + sleepPID + ` \(\S*sleep\): query: usdt: \S* has no probe mysql:query__start`,
		},
		{
			"an unknown pid", nil, []string{"run", "--export", "none", "--target", "4194305"}, 1, 1,
			`^spanbridge: no process 4194305 is running\n`,
		},
		{
			"a pid that no profile serves", nil, []string{"run", "--export", "none", "--target", sleepPID}, 1, 1,
			`^spanbridge: no profile in use serves process ` + sleepPID + ` \(\S*sleep\): name its --profile\n`,
		},
		{
			"a file that cannot be written", nil, []string{"run", "--export", "file:/nonexistent/spans", "--target", "nothing"}, 1, 1,
			`^spanbridge: .*/nonexistent/spans: no such file or directory`,
		},
		{
			"an endpoint that is none", nil, []string{"run", "--target", "nothing"}, 2, 1,
			`^spanbridge: .*OTEL_EXPORTER_OTLP_ENDPOINT`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "no endpoint")
			code, stdout, stderr := command(t, c.user, c.args...)
			if code != c.code || stdout != "" {
				t.Errorf("exit code %d, want %d; standard output %q", code, c.code, stdout)
			}
			if !regexp.MustCompile(`(?m)` + c.stderr).MatchString(stderr) {
				t.Errorf("standard error does not match %s:\n%s", c.stderr, stderr)
			}
			if lines := strings.Count(stderr, "\n"); lines > c.lines {
				t.Errorf("%d lines, want no more than %d:\n%s", lines, c.lines, stderr)
			}
		})
	}
}

// Uprobes of old needed tracefs. It is not mounted in most containers.
func TestRunNeedsNoTracefs(t *testing.T) {
	t.Parallel()
	w := byUprobe
	s := w.server(t)
	if _, err := os.Stat("/sys/kernel/tracing/uprobe_events"); err == nil {
		t.Log("tracefs is mounted here: what this run shows is that it works with it too")
	}
	db := openPool(t, s)
	b := startBridge(t, "--target", pidOf(s), "--detail", "query")
	mustExec(t, db, "DO 1")
	r := b.stop()
	r.mustClose(t)
	if len(r.spans) != 1 {
		t.Errorf("%d spans", len(r.spans))
	}
}

func TestRunEndsByItselfAfterItsDuration(t *testing.T) {
	t.Parallel()
	s := byUprobe.server(t)
	began := time.Now()
	code, _, stderr := command(t, nil, "run", "--export", "none", "--target", pidOf(s), "--duration", "1s")
	if code != 0 || !strings.Contains(stderr, "the ledger closes") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestProbesOfARunningServerAreListed(t *testing.T) {
	t.Parallel()
	s := byPlugin.server(t)
	code, stdout, stderr := command(t, nil, "probes", "list", pidOf(s))
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, want := range []string{"spanbridge_usdt.so", "mysql:query__start", "mysql:connection__done", "one-byte nop", "semaphore 0x"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}

func TestKernelWithoutBTFIsRefusedInALine(t *testing.T) {
	built, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	// An empty directory over that of BTF, in a mount namespace of its own.
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c",
		`mount -t tmpfs none /sys/kernel/btf && exec "$0" run --export none`, built)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("got %v, want exit code 3", err)
	}
	want := regexp.MustCompile(`^spanbridge: this kernel cannot run the probes: it has no BTF .*CONFIG_DEBUG_INFO_BTF\n$`)
	if !want.Match(out) {
		t.Errorf("got %q", out)
	}
}

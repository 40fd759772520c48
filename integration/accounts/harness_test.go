// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(m))
}

// outcome is what a run of the verb came to.
type outcome struct {
	code   int
	result *report.Result
	stderr string
}

// spanbridgeCompare runs the verb on a server.
func spanbridgeCompare(t *testing.T, s *servers.Server, args ...string) *outcome {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append([]string{"compare", "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "SPANBRIDGE_DSN="+s.DSN)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := &outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	if stdout.Len() > 0 {
		if o.result, err = report.Read(&stdout); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *outcome) account(t *testing.T, name string) *report.Account {
	t.Helper()
	if o.result == nil {
		t.Fatalf("no report: %s", o.stderr)
	}
	for i := range o.result.Accounts {
		if o.result.Accounts[i].Name == name {
			return &o.result.Accounts[i]
		}
	}
	t.Fatalf("there is no account %s: %s", name, o.stderr)
	return nil
}

func (o *outcome) verdict(t *testing.T, a, b string) *report.Verdict {
	t.Helper()
	for i := range o.result.Verdicts {
		if v := &o.result.Verdicts[i]; v.A == a && v.B == b {
			return v
		}
	}
	t.Fatalf("%s and %s are not compared: %s", a, b, o.stderr)
	return nil
}

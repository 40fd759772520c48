// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/spanbridge/spanbridge/probes"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"spanbridge": main})
}

// TestScript runs the scripts in testdata/script, one for each verb. They need
// no privilege and no server. Besides testscript's own commands there is
//
//	exits CODE PROGRAM [ARG...]
//
// which runs a program that must end with that exit code, and the conditions
// libstdcxx, which holds where $LIBSTDCXX is a library with USDT probes, and
// attaches, which holds where this process may attach probes.
func TestScript(t *testing.T) {
	library := ""
	if found, _ := filepath.Glob("/usr/lib/*/libstdc++.so.6"); len(found) > 0 {
		library = found[0]
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Condition: func(name string) (bool, error) {
			return name == "libstdcxx" && library != "" || name == "attaches" && attaches(), nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("LIBSTDCXX", library)
			env.Setenv("SELF", self)
			return nil
		},
	})
}

func attaches() bool {
	return !slices.ContainsFunc(probes.CheckHost(), func(c probes.Check) bool { return c.State == probes.StateMissing })
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

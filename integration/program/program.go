// SPDX-License-Identifier: Apache-2.0

// Package program builds spanbridge for the tests that run it.
package program

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// builtBefore names a built program, for where there is no compiler, as in a small
// virtual machine.
const builtBefore = "SPANBRIDGE_PROGRAM"

// Path returns the built program's path. The first call of a process builds it;
// safe for concurrent use.
var Path = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(builtBefore); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "spanbridge-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "spanbridge")
	build := exec.Command("go", "build", "-o", path, "github.com/spanbridge/spanbridge/cmd/spanbridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build spanbridge: %w\n%s", err, out)
	}
	return path, nil
})

// sideBySide is how many of the tests that may run beside others do. They mostly
// wait, so that there may be more than processors.
const sideBySide = "4"

// Main is the TestMain of a package whose tests use Path: it runs them and
// removes what Path has built.
func Main(m *testing.M) int {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err) // the testing package has no such flag
	}
	flag.Parse() // the command line decides
	code := m.Run()
	if path, err := Path(); err == nil && path != os.Getenv(builtBefore) {
		os.RemoveAll(filepath.Dir(path))
	}
	return code
}

// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spanbridge/spanbridge/compare/server"
)

// A log that a measurement has had is known by its name, and no other is taken for one.
func TestLogsOfMeasurementsAreKnownByName(t *testing.T) {
	h := host{Options: &Options{Server: &server.Server{}}}
	for _, log := range []string{"general", "slow"} {
		name := h.file(log)
		if !IsLog(name) {
			t.Errorf("%s is not known", name)
		}
		if again := h.file(log); again == name {
			t.Errorf("two measurements have the same file %s", name)
		}
	}
	for _, name := range []string{
		"", "/var/lib/mysql/slow.log", "spanbridge-cost-general", "/spanbridge-cost-slow-0123456789abcdef.log/slow",
		"spanbridge-cost-slow-0123456789abcdeg.log", "spanbridge-cost-slow-0123456789abcdef.log.1", "x-spanbridge-cost-slow-0123456789abcdef.log",
	} {
		if IsLog(name) {
			t.Errorf("%q is taken for a log of a measurement", name)
		}
	}
}

func TestOnlyTheServersOwnRegularFileIsRemoved(t *testing.T) {
	const name = "spanbridge-cost-slow-0123456789abcdef.log"
	me, err := userOf(os.Getpid())
	if err != nil || int(me) != os.Geteuid() {
		t.Fatalf("this process is of user %d, want %d: %v", me, os.Geteuid(), err)
	}
	elsewhere := filepath.Join(t.TempDir(), "precious")
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	if err := write(elsewhere); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		make  func(path string) error
		owner uint32
		want  bool
	}{
		"its file":                     {write, me, true},
		"a file of another user":       {write, me + 1, false},
		"a symbolic link":              {func(path string) error { return os.Symlink(elsewhere, path) }, me, false},
		"a file that has another name": {func(path string) error { return os.Link(elsewhere, path) }, me, false},
		"a directory":                  {func(path string) error { return os.Mkdir(path, 0o700) }, me, false},
		"a pipe":                       {func(path string) error { return syscall.Mkfifo(path, 0o600) }, me, false},
	} {
		dir := t.TempDir()
		if err := c.make(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		err := remove(dir, name, c.owner)
		_, gone := os.Lstat(filepath.Join(dir, name))
		if (err == nil) != c.want || errors.Is(gone, fs.ErrNotExist) != c.want {
			t.Errorf("%s: %v, then %v", what, err, gone)
		}
		os.Remove(filepath.Join(dir, name))
	}
	if err := remove(t.TempDir(), name, me); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Error(err)
	}
}

func TestNoFileIsRemovedOfAServerThatIsElsewhere(t *testing.T) {
	name := "spanbridge-cost-slow-0123456789abcdef.log"
	if err := RemoveLog(&server.Server{PID: os.Getpid()}, "/etc/"+name); err == nil {
		t.Error("a file out of another directory is removed")
	}
	if err := RemoveLog(&server.Server{}, name); !errors.Is(err, server.ErrElsewhere) {
		t.Errorf("of another host: %v", err)
	}
}

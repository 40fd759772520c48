// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"github.com/spanbridge/spanbridge/compare/server"
)

// The logs that a measurement has the server write are files of its own, in the server's data directory, where it may
// write. A measurement that was killed leaves them, unlike the settings (see package settings), whose state file has
// their names. No other file has such a name: half of it is drawn by lot.

var logName = regexp.MustCompile(`^spanbridge-cost-(general|slow)-[0-9a-f]{16}\.log$`)

// IsLog reports whether a file's name is that of a log that a measurement has had.
func IsLog(name string) bool { return logName.MatchString(filepath.Base(name)) }

// file is a log of this measurement.
func (h *host) file(log string) string {
	lot := seed()
	name := filepath.Join(h.Server.Variable("datadir"), "spanbridge-cost-"+log+"-"+hex.EncodeToString(lot[:8])+".log")
	h.files = append(h.files, name)
	return name
}

// removeFiles removes the logs of this measurement. They are the server's: this may be another host.
func (h *host) removeFiles() error {
	if h.Server.PID == 0 {
		return nil
	}
	var errs []error
	for _, name := range h.files {
		if err := RemoveLog(h.Server, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s is left: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// RemoveLog removes a log that a measurement has had, where it is certain that it is one: it is named like one, the server
// runs on this host, has it in its data directory and does not write to it any more, and it is a regular file of the
// server's user that has no other name.
func RemoveLog(s *server.Server, name string) error {
	switch {
	case !IsLog(name) || filepath.Dir(name) != filepath.Clean(s.Variable("datadir")):
		return errors.New("it is no log of a measurement in the server's data directory")
	case s.PID == 0:
		return server.ErrElsewhere
	case s.Variable("general_log_file") == name || s.Variable("slow_query_log_file") == name:
		return errors.New("the server writes to it")
	}
	owner, err := userOf(s.PID)
	if err != nil {
		return err
	}
	return remove(s.Path(filepath.Dir(name)), filepath.Base(name), owner)
}

// remove removes a regular file of a user out of a directory, whatever the directory's own user puts there meanwhile.
func remove(in, name string, owner uint32) error {
	dir, err := os.OpenRoot(in)
	if err != nil {
		return err
	}
	defer dir.Close()
	info, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || stat.Nlink != 1 || stat.Uid != owner {
		return errors.New("it is not the server's file")
	}
	return dir.Remove(name)
}

// userOf is the user as whom a process makes files: the last number of "Uid:" in proc_pid_status(5).
func userOf(pid int) (uint32, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if fields := bytes.Fields(lines.Bytes()); len(fields) == 5 && string(fields[0]) == "Uid:" {
			user, err := strconv.ParseUint(string(fields[4]), 10, 32)
			return uint32(user), err
		}
	}
	return 0, fmt.Errorf("process %d has no user", pid)
}

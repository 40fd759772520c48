// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// File is the path at which this process opens a file that a variable of the server names: relative to its data
// directory, and within its own mount namespace.
func (s *Server) File(variable string) (string, error) {
	name := s.Variable(variable)
	if name == "" {
		return "", fmt.Errorf("the server names no file in %s", variable)
	}
	if s.PID == 0 {
		return "", fmt.Errorf("%s of the server: %w", name, ErrElsewhere)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.Variable("datadir"), name)
	}
	return s.Path(filepath.Clean(name)), nil
}

// Path is a path of the server's as this process opens it.
func (s *Server) Path(name string) string {
	root := filepath.Join("/proc", strconv.Itoa(s.PID), "root")
	if ours, err := os.Stat("/"); err == nil {
		if theirs, err := os.Stat(root); err == nil && os.SameFile(ours, theirs) && sameMounts(s.PID) {
			return name
		}
	}
	return resolve(root, name)
}

// maxLinks is how many symbolic links a path may lead through, as in Linux.
const maxLinks = 40

// resolve follows symbolic links as a process does whose root that is: to the kernel they would be links within
// ours. What is not there is left as it is.
func resolve(root, name string) string {
	rest := strings.Split(strings.TrimPrefix(filepath.Clean("/"+name), "/"), "/")
	done := "/"
	for links := 0; len(rest) > 0; {
		next := filepath.Join(done, rest[0])
		rest = rest[1:]
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil || links == maxLinks {
			done = next
			continue
		}
		links++
		if !filepath.IsAbs(to) {
			to = filepath.Join(done, to)
		}
		rest = append(strings.Split(strings.TrimPrefix(filepath.Clean(to), "/"), "/"), rest...)
		done = "/"
	}
	return filepath.Join(root, done)
}

func sameMounts(pid int) bool {
	theirs, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns/mnt"))
	ours, errOurs := os.Readlink("/proc/self/ns/mnt")
	return err == nil && errOurs == nil && theirs == ours
}

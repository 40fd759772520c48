// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stateFile is a file of JSON lines: a header, and then what is about to be changed, a line for what
// is changed at once. A line counts once it is complete. The file is locked while it is open.
type stateFile struct {
	path    string
	file    *os.File
	length  int64 // of the complete lines
	header  header
	changes []Change
}

// header is the first line of the file.
type header struct {
	Format int       `json:"spanbridge_settings"`
	PID    int       `json:"pid"`
	Began  time.Time `json:"began"`
	Server Server    `json:"server"`
}

type line struct {
	Changes []Change `json:"changes"`
}

var errNoState = errors.New("not a state file of this version")

const (
	stateFormat  = 1
	maxStateSize = 64 << 20
)

// openState opens a state file and locks it. Create makes one if there is none.
func openState(path string, create bool) (*stateFile, error) {
	f, err := lockedFile(path, create)
	if err != nil {
		return nil, fmt.Errorf("open state file %s: %w", path, err)
	}
	s := &stateFile{path: path, file: f}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read state file %s: %w", path, err), f.Close())
	}
	return s, nil
}

// lockedFile opens the file that is at the path once it is locked.
func lockedFile(path string, create bool) (*os.File, error) {
	flags := os.O_RDWR | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	if create {
		flags |= os.O_CREATE
	}
	for {
		f, err := os.OpenFile(path, flags, 0o600)
		if err != nil {
			return nil, err
		}
		current, err := lock(f, path)
		if err == nil && current {
			return f, nil
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
}

// lock reports whether the file is still at its path: a session that ended removes it.
func lock(f *os.File, path string) (current bool, err error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	if err := trusted(opened); err != nil {
		return false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return false, fmt.Errorf("%w: it holds the file", ErrRunning)
	} else if err != nil {
		return false, err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, there), err
}

// trusted refuses what others could have written: settings of servers are made of it.
func trusted(info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return errors.New("others may write to it")
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return errors.New("it belongs to another user")
	}
	return nil
}

// load reads the complete lines. What follows them was being written when the program ended, and
// nothing of it was changed yet.
func (s *stateFile) load() error {
	text, err := io.ReadAll(io.LimitReader(s.file, maxStateSize))
	if err != nil {
		return err
	}
	for number := 1; ; number++ {
		one, rest, complete := bytes.Cut(text, []byte("\n"))
		if !complete {
			return s.tail(text)
		}
		if err := s.parse(one); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		s.length += int64(len(one)) + 1
		text = rest
	}
}

// headerStart is how a state file begins.
const headerStart = `{"spanbridge_settings":`

// tail allows what a header may begin with, and refuses to write over the file of somebody else.
func (s *stateFile) tail(text []byte) error {
	n := min(len(text), len(headerStart))
	if s.length == 0 && string(text[:n]) != headerStart[:n] {
		return errNoState
	}
	return nil
}

func (s *stateFile) parse(text []byte) error {
	if s.length > 0 {
		var l line
		err := json.Unmarshal(text, &l)
		s.changes = append(s.changes, l.Changes...)
		return err
	}
	if err := json.Unmarshal(text, &s.header); err != nil || s.header.Format != stateFormat {
		return errNoState
	}
	return nil
}

// begin writes the header of a file without changes.
func (s *stateFile) begin(server Server) error {
	s.length = 0
	s.header = header{Format: stateFormat, PID: os.Getpid(), Began: time.Now().UTC(), Server: server}
	if err := s.write(s.header); err != nil {
		return err
	}
	if err := syncFolder(s.path); err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	return nil
}

// add writes down what is about to be changed. It is on the disk when add returns.
func (s *stateFile) add(changes []Change) error {
	if err := s.write(line{changes}); err != nil {
		return err
	}
	s.changes = append(s.changes, changes...)
	return nil
}

func (s *stateFile) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	before := s.length
	if err := s.put(append(text, '\n')); err != nil {
		return errors.Join(fmt.Errorf("write state file: %w", err), s.cut(before))
	}
	return nil
}

func (s *stateFile) put(text []byte) error {
	if err := s.file.Truncate(s.length); err != nil {
		return err
	}
	n, err := s.file.WriteAt(text, s.length)
	if err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.length += int64(n)
	return nil
}

// mark is how far the file has been written, for forget.
type mark struct {
	length  int64
	changes int
}

func (s *stateFile) mark() mark { return mark{s.length, len(s.changes)} }

// forget takes back what was added since, and has not been changed.
func (s *stateFile) forget(m mark) error {
	if err := s.cut(m.length); err != nil {
		return err
	}
	s.changes = s.changes[:m.changes]
	return nil
}

func (s *stateFile) cut(length int64) error {
	s.length = length
	if err := errors.Join(s.file.Truncate(length), s.file.Sync()); err != nil {
		return fmt.Errorf("cut state file: %w", err)
	}
	return nil
}

// remove removes the file, and gives the lock back.
func (s *stateFile) remove() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("remove state file: %w", err), s.close())
	}
	return errors.Join(syncFolder(s.path), s.close())
}

// close leaves the file, for Restore.
func (s *stateFile) close() error { return s.file.Close() }

// syncFolder puts on the disk that a file is there, or is no more.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

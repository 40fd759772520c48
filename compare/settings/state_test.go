// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var aServer = Server{UUID: "u", Host: "h", Port: 3306, Datadir: "/d/", Version: "9.7.4", Started: time.Unix(1, 0).UTC()}

func newState(t *testing.T, changes ...[]Change) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := openState(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.begin(aServer); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := s.add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAStateFileIsReadAsItWasWrittenWhereverItWasCut(t *testing.T) {
	first := []Change{{Variable, "long_query_time", "10", "0"}}
	second := []Change{{Consumer, "a", "NO", "YES"}, {Consumer, "b", "NO", "YES"}}
	path := newState(t, first, second)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := slices.Concat([][]Change{nil, nil, first, slices.Concat(first, second)}[strings.Count(string(whole[:cut]), "\n")])
		s, err := openState(path, false)
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
		if !slices.Equal(s.changes, want) || len(want) > 0 && s.header.Server != aServer {
			t.Fatalf("cut to %d bytes: %+v of %+v", cut, s.changes, s.header)
		}
		if len(want) == 0 {
			s.close()
			continue
		}
		if err := s.add(first); err != nil { // after what is complete
			t.Fatal(err)
		}
		s.close()
		if s, err = openState(path, false); err != nil || !slices.Equal(s.changes, slices.Concat(want, first)) {
			t.Fatalf("cut to %d bytes, and written to: %+v, %v", cut, s.changes, err)
		}
		s.close()
	}
}

func TestAStateFileIsOpenedByOneAtATime(t *testing.T) {
	path := newState(t)
	s, err := openState(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openState(path, true); !errors.Is(err, ErrRunning) {
		t.Error(err)
	}
	if err := s.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(path, false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAFileThatWasReplacedWhileItWasLockedIsNotUsed(t *testing.T) {
	path := newState(t)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if current, err := lock(f, path); current || err != nil {
		t.Error(current, err)
	}
}

func TestWhatOthersCouldHaveWrittenIsRefused(t *testing.T) {
	changes := []Change{{Variable, "a", "1", "2"}}
	for name, spoil := range map[string]func(path string) error{
		"others may write": func(path string) error { return os.Chmod(path, 0o620) },
		"a link": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.Symlink(path+".1", path))
		},
		"a folder":            func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"a file without line": func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"another format":      func(path string) error { return os.WriteFile(path, []byte("{}\n"), 0o600) },
		"damaged": func(path string) error {
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, []byte(strings.Replace(string(text), `"changes"`, `"changes`, 1)), 0o600))
		},
	} {
		path := newState(t, changes)
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		for _, create := range []bool{true, false} {
			if s, err := openState(path, create); err == nil {
				t.Errorf("%s: opened with %+v", name, s.changes)
			}
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if os.Geteuid() == 0 {
		path := newState(t, changes)
		if err := os.Chown(path, 12345, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := openState(path, false); err == nil {
			t.Error("another user's file was opened")
		}
	}
}

func TestWhatWasForgottenIsNotInTheFile(t *testing.T) {
	kept := []Change{{Variable, "a", "1", "2"}}
	path := newState(t, kept)
	s, err := openState(path, false)
	if err != nil {
		t.Fatal(err)
	}
	m := s.mark()
	if err := errors.Join(s.add([]Change{{Variable, "b", "1", "2"}}), s.forget(m), s.close()); err != nil {
		t.Fatal(err)
	}
	if s, err = openState(path, false); err != nil || !slices.Equal(s.changes, kept) {
		t.Errorf("%+v, %v", s.changes, err)
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"spanbridge_settings":1}` + "\n" + `{"changes":[{"kind":"variable","name":"a"}]}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openState(path, false)
		if err != nil {
			return
		}
		outstanding(s.changes)
		s.close()
	})
}

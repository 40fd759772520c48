// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// cached is a system in which a search has filled the cache.
type cached struct {
	root system
	p    *program
	opts Options
	file string // of the cache
}

func newCached(t *testing.T) *cached {
	t.Helper()
	c := &cached{root: system(t.TempDir()), p: many(100)}
	c.opts = Options{SymbolFiles: []string{nmPath}, CacheDir: filepath.Join(t.TempDir(), "symbols"), Expect: []string{"nothing"}}
	c.root.write(t, nmPath, nm(c.p, fmt.Sprintf("%016x t lock_wait", code+0x3000)))
	c.want(t, code+0x3000)
	c.file = filepath.Join(c.opts.CacheDir, "12345678.json")
	return c
}

// want looks the symbol up as a new start does.
func (c *cached) want(t *testing.T, address uint64) {
	t.Helper()
	if got, err := c.root.table(t, c.p, c.opts).Function("lock_wait"); err != nil || got.Address != address {
		t.Errorf("got %v, %v, want the address %#x", got, err, address)
	}
}

// forge changes the address in the cache, which shows whether it is used.
func (c *cached) forge(t *testing.T, address uint64) {
	t.Helper()
	raw, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(raw, fmt.Append(nil, code+0x3000), fmt.Append(nil, address), 1)
	if bytes.Equal(raw, forged) {
		t.Fatalf("no address in %s", raw)
	}
	if err := os.WriteFile(c.file, forged, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASecondStartTakesWhatTheFirstOneFound(t *testing.T) {
	c := newCached(t)
	info, err := os.Stat(c.file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("cache file: %v, %v", info, err)
	}
	c.forge(t, code+0x3100)
	c.want(t, code+0x3100)
	left, err := os.ReadDir(c.opts.CacheDir)
	if err != nil || len(left) != 1 {
		t.Errorf("files in the cache folder: %v, %v", left, err)
	}
}

func TestASecondStartKnowsWhatIsNotThere(t *testing.T) {
	c := newCached(t)
	table := c.root.table(t, c.p, c.opts)
	_, before := table.Function("nothing")
	if _, ok := table.known["lock_wait"]; !ok || !errors.Is(before, ErrNotFound) {
		t.Fatalf("%v", before)
	}
	raw, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(raw, []byte(`"nothing":{}`), fmt.Appendf(nil, `"nothing":{"function":{"address":%d}}`, code+0x10), 1)
	if err := os.WriteFile(c.file, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.root.table(t, c.p, c.opts).Function("nothing"); err != nil || got.Address != code+0x10 {
		t.Errorf("what is not there was searched for again: %v, %v", got, err)
	}
}

func TestACacheOfAnotherStateOfThingsIsLeftAside(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, c *cached){
		"another symbol file": func(t *testing.T, c *cached) {
			c.root.write(t, nmPath, nm(c.p, fmt.Sprintf("%016x t lock_wait", code+0x3000)))
		},
		"a debug file that was not there": func(t *testing.T, c *cached) { c.root.write(t, debugPath, []byte("no ELF")) },
		"another file of that build-id": func(t *testing.T, c *cached) {
			path := filepath.Join(string(c.root), "/usr/sbin/server")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"a symbol file that is gone": func(t *testing.T, c *cached) {
			if err := os.Rename(filepath.Join(string(c.root), nmPath), filepath.Join(string(c.root), "/doc/other")); err != nil {
				t.Fatal(err)
			}
			c.opts.SymbolFiles = []string{"/doc/other"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCached(t)
			c.forge(t, code+0x3100)
			change(t, c)
			c.want(t, code+0x3000)
			c.forge(t, code+0x3100) // it was written anew
			c.want(t, code+0x3100)
		})
	}
}

func TestACacheFileThatCannotBeTrustedIsLeftAside(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"others may write to it":    func(path string) error { return os.Chmod(path, 0o666) },
		"it is damaged":             func(path string) error { return os.Truncate(path, 100) },
		"it is empty":               func(path string) error { return os.Truncate(path, 0) },
		"it is huge":                func(path string) error { return os.Truncate(path, maxCache+1) },
		"it is a symbolic link":     func(path string) error { return errors.Join(os.Rename(path, path+"2"), os.Symlink(path+"2", path)) },
		"it is a folder":            func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"it belongs to another one": func(path string) error { return os.Chown(path, 12345, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCached(t)
			c.forge(t, code+0x3100)
			if err := change(c.file); errors.Is(err, os.ErrPermission) {
				t.Skip("needs root")
			} else if err != nil {
				t.Fatal(err)
			}
			c.want(t, code+0x3000)
		})
	}
}

func TestAnAddressOutsideOfTheCodeIsNotTakenFromTheCache(t *testing.T) {
	c := newCached(t)
	c.forge(t, data)
	c.want(t, code+0x3000)
}

func TestAFolderThatCannotBeUsedIsDoneWithout(t *testing.T) {
	c := newCached(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c.opts.CacheDir = range []string{"", file, open} {
		c.want(t, code+0x3000)
	}
	if left, _ := os.ReadDir(open); len(left) != 0 {
		t.Errorf("wrote %v into a folder that others may write to", left)
	}
}

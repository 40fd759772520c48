// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spanbridge/spanbridge/probes/calls"
)

const (
	// cacheVersion changes with the format, and with what a search accepts.
	cacheVersion = 1
	maxCache     = 8 << 20 // bytes
)

// cache is the file that keeps what searches found, and did not find, for one
// build of an executable.
type cache struct {
	dir, path string // "" if nothing is kept
	key       cacheKey
}

// cacheKey is what results depend on: the file, and every source with its
// state. A file that someone makes to look like another one, with its build-id
// and size, has another inode or time of change.
type cacheKey struct {
	Version int           `json:"version"`
	BuildID string        `json:"build_id"`
	File    stamp         `json:"file"`
	Sources []sourceStamp `json:"sources"`
}

type sourceStamp struct {
	Name string `json:"name"`
	stamp
	Err string `json:"error,omitempty"`
}

func (k *cacheKey) equals(other *cacheKey) bool {
	return k.Version == other.Version && k.BuildID == other.BuildID && k.File == other.File &&
		slices.Equal(k.Sources, other.Sources)
}

type cacheContent struct {
	Key      cacheKey            `json:"key"`
	Searched []string            `json:"searched,omitempty"`
	Lacking  []string            `json:"lacking,omitempty"`
	Symbols  map[string]*finding `json:"symbols"`
	// Calls are where functions, by their addresses, are called.
	Calls map[uint64][]calls.Site `json:"calls,omitempty"`
}

// openCache names the cache file. Without a build-id, a folder or an open file
// that can be told from others nothing is kept.
func (t *Table) openCache(sources []*source) *cache {
	c := &cache{dir: t.opts.CacheDir}
	id := t.image.buildID()
	file, ok := t.image.file.(*os.File)
	if c.dir == "" || id == "" || !ok {
		return c
	}
	c.key = cacheKey{Version: cacheVersion, BuildID: id}
	var err error
	if c.key.File, err = stampOf(file); err != nil {
		return c
	}
	for _, s := range sources {
		st := sourceStamp{Name: s.name, stamp: s.stamp}
		if s.err != nil {
			st.Err = s.err.Error()
		}
		c.key.Sources = append(c.key.Sources, st)
	}
	c.path = filepath.Join(c.dir, id+".json")
	return c
}

// recallOnce opens the cache before the first search.
func (t *Table) recallOnce(sources []*source) {
	if t.cache == nil {
		t.cache = t.openCache(sources)
		t.recall()
	}
}

// recall takes over what the cache file holds. A file that is damaged, is of
// another user or is of another state of things is left aside: it is replaced
// after the next search.
func (t *Table) recall() {
	content, err := t.cache.load()
	if err != nil || !content.Key.equals(&t.cache.key) {
		return
	}
	t.searched, t.lacking = content.Searched, content.Lacking
	for name, f := range content.Symbols {
		if t.plausible(f) {
			t.known[name] = f
		}
	}
	for function, sites := range content.Calls {
		t.recallCalls(function, sites)
	}
}

// plausible reports whether the addresses are in this file.
func (t *Table) plausible(f *finding) bool {
	return f != nil && (f.Function == nil || t.image.isCode(f.Function.Address)) &&
		(f.Object == nil || t.image.isData(f.Object.Address, 0))
}

func (c *cache) load() (*cacheContent, error) {
	if c.path == "" {
		return nil, fs.ErrNotExist
	}
	f, err := os.OpenFile(c.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || !ours(info) || info.Size() > maxCache {
		return nil, errors.New("not a cache file of this user")
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxCache))
	if err != nil {
		return nil, err
	}
	content := &cacheContent{}
	return content, json.Unmarshal(raw, content)
}

// ours reports whether nobody but the user, or root, can have written it.
func ours(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// save replaces the cache file in one step. That nothing can be kept is no
// error: the next start searches again.
func (c *cache) save(t *Table) {
	if c.path == "" {
		return
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return
	}
	if info, err := os.Stat(c.dir); err != nil || !info.IsDir() || !ours(info) {
		return
	}
	raw, err := json.Marshal(cacheContent{Key: c.key, Searched: t.searched, Lacking: t.lacking, Symbols: t.known, Calls: t.certainCalls()})
	if err != nil || len(raw) > maxCache {
		return
	}
	// CreateTemp makes files of mode 0600.
	f, err := os.CreateTemp(c.dir, ".new-*")
	if err != nil {
		return
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
}

// SPDX-License-Identifier: Apache-2.0

package tracefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// FS is a tracefs. Its zero value is none.
type FS struct {
	root   *os.Root
	closer io.Closer // of the mount that nobody else sees, or nil
	own    bool
}

// usual is where distributions mount tracefs; the second is automounted below
// debugfs (Documentation/trace/ftrace.rst).
var usual = []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}

// Open finds the tracefs of the host, or mounts one of its own. It needs
// CAP_SYS_ADMIN for that, and where the usual one is for root only.
func Open() (*FS, error) {
	for _, dir := range usual {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) != nil || st.Type != unix.TRACEFS_MAGIC {
			continue
		}
		root, err := os.OpenRoot(dir)
		if err == nil {
			if _, err = root.Stat("events"); err == nil {
				return &FS{root: root}, nil
			}
			root.Close()
		}
	}
	return mountPrivately()
}

// mountPrivately makes a mount that is in no namespace.
func mountPrivately() (*FS, error) {
	open, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open a tracefs: %w", explain(err))
	}
	defer unix.Close(open)
	if err := unix.FsconfigCreate(open); err != nil {
		return nil, fmt.Errorf("create a tracefs: %w", explain(err))
	}
	mount, err := unix.Fsmount(open, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, fmt.Errorf("mount a tracefs: %w", explain(err))
	}
	f := os.NewFile(uintptr(mount), "tracefs")
	root, err := os.OpenRoot("/proc/self/fd/" + strconv.Itoa(mount))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open a tracefs: %w", err)
	}
	return &FS{root: root, closer: f, own: true}, nil
}

func explain(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return errors.New("the kernel has none (CONFIG_FTRACE)")
	}
	return err
}

// Own reports whether the tracefs was mounted for this process alone.
func (t *FS) Own() bool { return t.own }

// Close lets go of the tracefs.
func (t *FS) Close() error {
	err := t.root.Close()
	if t.closer != nil {
		err = errors.Join(err, t.closer.Close())
	}
	return err
}

// maxFile is the size of the largest file that is read: a format has some
// kilobytes, the list of functions some megabytes.
const maxFile = 16 << 20

func (t *FS) read(path string) ([]byte, error) {
	f, err := t.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// ErrUnknown is wrapped where there is no tracepoint of a name.
var ErrUnknown = errors.New("no such tracepoint")

// Event reads what the kernel says of a tracepoint.
func (t *FS) Event(category, name string) (*Event, error) {
	if !isName(category) || !isName(name) {
		return nil, fmt.Errorf("%s:%s: %w", category, name, ErrUnknown)
	}
	text, err := t.read(filepath.Join("events", category, name, "format"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s:%s: %w", category, name, ErrUnknown)
	}
	if err != nil {
		return nil, fmt.Errorf("read the format of %s:%s: %w", category, name, err)
	}
	e, err := parseFormat(text)
	if err != nil {
		return nil, fmt.Errorf("read the format of %s:%s: %w", category, name, err)
	}
	e.Category, e.Name = category, name
	return e, nil
}

func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// Names lists the tracepoints whose categories and names match patterns with *
// for any part, as CATEGORY:NAME, sorted.
func (t *FS) Names(category, name string) ([]string, error) {
	var all []string
	categories, err := t.folders("events")
	if err != nil {
		return nil, fmt.Errorf("list tracepoints: %w", err)
	}
	for _, c := range categories {
		if !Match(category, c) {
			continue
		}
		names, err := t.folders(filepath.Join("events", c))
		if err != nil {
			return nil, fmt.Errorf("list tracepoints: %w", err)
		}
		for _, n := range names {
			if Match(name, n) && c != "ftrace" { // whose formats are of the function tracer, which has no probes
				all = append(all, c+":"+n)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

func (t *FS) folders(path string) (names []string, err error) {
	dir, err := t.root.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Functions lists the functions of the kernel that its tracer can attach to.
func (t *FS) Functions() ([]string, error) {
	text, err := t.read("available_filter_functions")
	if err != nil {
		return nil, fmt.Errorf("list traceable functions: %w", err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		name, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && module == "" && !strings.HasPrefix(name, "__ftrace_invalid_address__") {
			all = append(all, name)
		}
	}
	return all, nil
}

// Match reports whether a name matches a pattern, in which * stands for any part.
func Match(pattern, name string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], after
	}
}

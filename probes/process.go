// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is a running process as /proc tells it.
type process struct {
	pid       int
	parent    int
	startTick uint64 // since boot: tells a reused pid from the process that had it
	exePath   string // as the process sees it, without " (deleted)"
}

func procPath(pid int, elem ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, elem...)...)
}

// readProcess returns the process of that pid, or nil if there is none that
// can be looked at: it has ended, or it is a kernel thread.
func readProcess(pid int) *process {
	exe, err := os.Readlink(procPath(pid, "exe"))
	if err != nil {
		return nil
	}
	parent, tick, err := readStat(pid)
	if err != nil {
		return nil
	}
	return &process{pid: pid, parent: parent, startTick: tick, exePath: strings.TrimSuffix(exe, " (deleted)")}
}

// startTick tells when a process was started, in ticks since boot.
func startTick(pid int) (uint64, error) {
	_, tick, err := readStat(pid)
	return tick, err
}

// readStat reads fields 4 and 22 of /proc/PID/stat (proc_pid_stat(5)), counted
// behind the command name, which may hold anything.
func readStat(pid int) (parent int, startTick uint64, err error) {
	stat, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return 0, 0, err
	}
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if end < 0 || len(fields) < 20 {
		return 0, 0, fmt.Errorf("read %s: unknown form", procPath(pid, "stat"))
	}
	if fields[0][0] == 'Z' {
		return 0, 0, errors.New("process is a zombie")
	}
	if parent, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, 0, err
	}
	startTick, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return parent, startTick, err
}

// allProcesses lists the pids in /proc.
func allProcesses() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// mapping is a file that a process has mapped executable.
type mapping struct {
	path  string // as the process sees it, without " (deleted)"
	span  string // address range, the name of its entry in map_files
	inode uint64
}

// libraries lists the files that a process has mapped executable, each once.
func libraries(pid int) ([]mapping, error) {
	f, err := os.Open(procPath(pid, "maps"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []mapping
	seen := make(map[uint64]bool)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<16)
	for lines.Scan() {
		m, ok := parseMapping(lines.Text())
		if ok && !seen[m.inode] {
			seen[m.inode] = true
			all = append(all, m)
		}
	}
	return all, lines.Err()
}

// parseMapping reads a line of /proc/PID/maps (proc_pid_maps(5)); false if it
// is no executable mapping of a file.
func parseMapping(line string) (mapping, bool) {
	var fields [5]string
	rest := line
	for i := range fields {
		rest = strings.TrimLeft(rest, " ")
		end := strings.IndexByte(rest, ' ')
		if end < 0 {
			return mapping{}, false
		}
		fields[i], rest = rest[:end], rest[end:]
	}
	path := strings.TrimLeft(rest, " ")
	if !strings.HasPrefix(path, "/") || len(fields[1]) != 4 || fields[1][2] != 'x' {
		return mapping{}, false
	}
	inode, err := strconv.ParseUint(fields[4], 10, 64)
	if err != nil || inode == 0 {
		return mapping{}, false
	}
	return mapping{path: strings.TrimSuffix(path, " (deleted)"), span: fields[0], inode: inode}, true
}

// openMapping opens a mapped file: through map_files, which needs
// CAP_CHECKPOINT_RESTORE but reaches deleted files too, else through the
// process's root, which no symbolic link can lead out of.
func openMapping(pid int, m mapping) (*os.File, error) {
	if f, err := openRegular(procPath(pid, "map_files", m.span)); err == nil {
		return f, nil
	}
	f, err := openInRoot(pid, m.path)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Ino != m.inode {
		f.Close()
		return nil, fmt.Errorf("open %s in the root of process %d: it is no longer the mapped file", m.path, pid)
	}
	return f, nil
}

// open opens a regular file as the process sees it.
func (p *process) open(path string) (*os.File, error) {
	f, err := openInRoot(p.pid, path)
	if err != nil {
		return nil, err
	}
	// Another process may have the pid by now.
	if tick, err := startTick(p.pid); err != nil || tick != p.startTick {
		f.Close()
		return nil, fmt.Errorf("open %s in the root of process %d: it has ended", path, p.pid)
	}
	return f, nil
}

// openInRoot opens a regular file in the root of a process, out of which no
// symbolic link can lead, without waiting.
func openInRoot(pid int, path string) (*os.File, error) {
	root, err := os.Open(procPath(pid, "root"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	fd, err := unix.Openat2(int(root.Fd()), strings.TrimPrefix(path, "/"), &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s in the root of process %d: %w", path, pid, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("open %s in the root of process %d: not a regular file", path, pid)
	}
	return f, nil
}

// openRegular opens a regular file without waiting, whatever is there.
func openRegular(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	return f, nil
}

// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

func TestOpenReadsARegularFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	raw := image{sections: []testSection{notes(noteSpec{textAddr, 0, 0, "p", "n", ""})}}.build(t)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil || f.Find("p", "n") == nil {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestOpenRefusesWhatIsNotARegularFileWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"a FIFO": fifo, "a link to a FIFO": link, "a device": "/dev/zero", "a folder": dir,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(path); !errors.Is(err, ErrNotRegular) {
				t.Errorf("got %v, want ErrNotRegular", err)
			}
		})
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestOpenRefusesAHugeSparseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(path, image{}.build(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8<<40); err != nil {
		t.Skipf("file system has no files of 8 TiB: %v", err)
	}
	if _, err := Open(path); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

// endless is a file of the greatest size: the given bytes, then fill. It
// counts the bytes read and ends the reading of far too many.
type endless struct {
	head []byte
	fill byte
	read int64
}

func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	if e.read += int64(len(p)); e.read > 1<<30 {
		return 0, errors.New("read more than 1 GiB")
	}
	n := 0
	if off < int64(len(e.head)) {
		n = copy(p, e.head[off:])
	}
	for i := n; i < len(p); i++ {
		p[i] = e.fill
	}
	return len(p), nil
}

// headerAt returns the offset of the section header at index i, which may be
// counted from the end.
func headerAt(raw []byte, i int) int {
	if i < 0 {
		i += int(binary.LittleEndian.Uint16(raw[60:]))
	}
	return int(binary.LittleEndian.Uint64(raw[40:])) + 64*i
}

func TestHostileSizesCostLittle(t *testing.T) {
	const size, offset, entry = 32, 24, 0 // in a section header
	put64 := binary.LittleEndian.PutUint64
	put32 := binary.LittleEndian.PutUint32
	rip := notes(noteSpec{textAddr, 0, 0, "p", "n", "4@counter(%rip)"})
	for _, c := range []struct {
		name   string
		change func(raw []byte)
		fill   byte
		ok     bool // a part can still be used
	}{
		{"a note section of 8 EiB", func(raw []byte) { put64(raw[headerAt(raw, 1)+size:], math.MaxInt64) }, 0, false},
		{"a note section of 8 EiB past the end", func(raw []byte) { put64(raw[headerAt(raw, 1)+offset:], 1<<62) }, 0, false},
		{"a note name of 4 GiB", func(raw []byte) { put32(raw[restOff:], math.MaxUint32) }, 0, false},
		{"a note descriptor of 4 GiB", func(raw []byte) { put32(raw[restOff+4:], math.MaxUint32) }, 0, false},
		{"section names of 8 EiB", func(raw []byte) { put64(raw[headerAt(raw, -1)+size:], math.MaxInt64) }, 0, false},
		{"a section name of 1 MiB", func(raw []byte) { put64(raw[headerAt(raw, -1)+size:], 1<<20) }, 'x', false},
		{"section headers past the end", func(raw []byte) { put64(raw[40:], math.MaxInt64-10) }, 0, false},
		{"65535 sections", func(raw []byte) { binary.LittleEndian.PutUint16(raw[60:], math.MaxUint16) }, 0, false},
		{"extended section numbers of 8 EiB", func(raw []byte) {
			put64(raw[headerAt(raw, 0)+size:], math.MaxInt64)
			binary.LittleEndian.PutUint16(raw[60:], 0)
		}, 0, false},
		{"65535 program headers", func(raw []byte) { binary.LittleEndian.PutUint16(raw[56:], math.MaxUint16) }, 1, false},
		{"a symbol table of 8 EiB", func(raw []byte) { put64(raw[headerAt(raw, 2)+size:], math.MaxInt64) }, 0, true},
		{"a string table of 8 EiB", func(raw []byte) { put64(raw[headerAt(raw, 3)+size:], math.MaxInt64) }, 0, true},
		{"a string table at its limit", func(raw []byte) { put64(raw[headerAt(raw, 3)+size:], elffile.MaxStringTable) }, 'x', true},
		{"a segment of 8 EiB", func(raw []byte) { put64(raw[64+entry+32:], math.MaxInt64) }, 0, true},
		{"a segment at the greatest offset", func(raw []byte) { put64(raw[64+8:], math.MaxInt64) }, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := image{sections: []testSection{rip}, symbols: []testSymbol{{"counter", dataAddr, elf.STT_OBJECT, 0}}}.build(t)
			c.change(raw)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			file := &endless{head: raw, fill: c.fill}
			_, err := ParseReaderAt(file)
			runtime.ReadMemStats(&after)
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			if limit := int64(elffile.MaxStringTable + elffile.MaxSymbolTable + 1<<20); file.read > limit {
				t.Errorf("read %d bytes", file.read)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
				t.Errorf("allocated %d bytes", n)
			}
		})
	}
}

func TestFilesAtTheLimitsAreReadAndAboveThemRefused(t *testing.T) {
	many := func(n int, args string) testSection {
		var b bytes.Buffer
		for range n {
			b.Write(noteSpec{textAddr, 0, 0, "p", "n", args}.encode())
		}
		return testSection{name: noteSection, kind: elf.SHT_NOTE, align: 4, data: b.Bytes()}
	}
	if f := parseImage(t, image{sections: []testSection{many(MaxNotes, "")}}); len(f.Faults) != MaxNotes-1 {
		t.Errorf("%d faults", len(f.Faults))
	}
	for name, s := range map[string]testSection{
		"too many notes":      many(MaxNotes+1, ""),
		"too many note bytes": {name: noteSection, kind: elf.SHT_NOTE, data: make([]byte, MaxNoteBytes+1)},
	} {
		_, err := ParseReaderAt(bytes.NewReader(image{sections: []testSection{s}}.build(t)))
		if !errors.Is(err, ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
}

func TestTooManyArgumentsInAllAreRefused(t *testing.T) {
	args := bytes.Repeat([]byte("1@$1 "), MaxArgs)
	var b bytes.Buffer
	for i := range MaxFileArgs/MaxArgs + 1 {
		b.Write(noteSpec{textAddr, 0, 0, "p", strconv.Itoa(i), string(args)}.encode())
	}
	m := image{sections: []testSection{{name: noteSection, kind: elf.SHT_NOTE, align: 4, data: b.Bytes()}}}
	if _, err := ParseReaderAt(bytes.NewReader(m.build(t))); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

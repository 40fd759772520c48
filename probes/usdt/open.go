// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Open reads the probes of the file at path. It follows symbolic links, so a
// path in another process's root must be opened by the caller and handed to
// [ParseReaderAt]. It refuses what is not a regular file ([ErrNotRegular])
// without waiting on it, and files above [MaxFileSize].
func Open(path string) (*File, error) {
	// Opening a device can have effects, so look before.
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s for probes: %w", path, ErrNotRegular)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	defer f.Close()
	after, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open for probes: %w", err)
	}
	if !after.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s for probes: %w", path, ErrNotRegular)
	}
	if after.Size() > MaxFileSize {
		return nil, fmt.Errorf("open %s for probes: %d bytes, more than %d: %w", path, after.Size(), int64(MaxFileSize), ErrLimit)
	}
	probes, err := ParseReaderAt(f)
	if err != nil {
		return nil, fmt.Errorf("read probes of %s: %w", path, err)
	}
	return probes, nil
}

// ParseReaderAt reads the probes of an ELF file from r, which need not be
// trusted: headers are checked before debug/elf sees them. Errors are those of
// [Parse] and [ErrNotELF]. r is not closed and not kept.
func ParseReaderAt(r io.ReaderAt) (*File, error) {
	f, err := elffile.Open(r)
	if err != nil {
		return nil, err
	}
	return Parse(f)
}

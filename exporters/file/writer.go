// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// ErrClosed is returned by [Writer.WriteLine] after [Writer.Close].
var ErrClosed = errors.New("write line: writer is closed")

// Writer appends lines to a file. Each line is one write to the system, so
// lines of several users of the writer never interleave, and a reader that
// follows the file sees whole lines. It is safe for concurrent use.
type Writer struct {
	mu     sync.Mutex
	out    output
	path   string
	line   []byte
	torn   bool // the file ends within a line
	owned  bool // close out
	closed bool
}

// output is what a Writer needs of an [os.File].
type output interface {
	io.WriteCloser
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
}

// Open opens the file for appending and makes it with mode 0600 where there is
// none: statements are personal data. [Stdout] stands for standard output. The
// caller closes the writer.
func Open(path string) (*Writer, error) {
	if path == Stdout {
		return &Writer{out: os.Stdout, path: "standard output"}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output file: %w", err) // names the path
	}
	w := &Writer{out: f, path: path, owned: true}
	w.torn = endsWithinLine(path)
	return w, nil
}

// endsWithinLine tells whether a program that was killed has left half a line.
// It reads regular files only: others could wait for data.
func endsWithinLine(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false // may be write-only
	}
	defer f.Close()
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// WriteLine appends line, which must not hold a line feed, and the line feed
// after it. It does not retain line. After an error, such as a full disk, the
// file is left without the line and the next one is tried as if nothing had
// happened.
func (w *Writer) WriteLine(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.line = w.line[:0]
	if w.torn {
		w.line = append(w.line, '\n')
	}
	w.line = append(append(w.line, line...), '\n')
	n, err := w.out.Write(w.line)
	if err == nil {
		w.torn = false
		return nil
	}
	if n > 0 {
		w.takeBack(n)
	}
	return fmt.Errorf("write line to %s: %w", w.path, err)
}

// takeBack removes the part of a line that was written, or else remembers to
// end it.
func (w *Writer) takeBack(n int) {
	info, err := w.out.Stat()
	if err == nil && info.Mode().IsRegular() && w.out.Truncate(info.Size()-int64(n)) == nil {
		return
	}
	w.torn = true
}

// Close closes the file; standard output stays open. Closing again does
// nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if !w.owned {
		return nil
	}
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("close %s: %w", w.path, err)
	}
	return nil
}

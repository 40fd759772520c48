// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestLinesAreThoseOfTheStream(t *testing.T) {
	long := strings.Repeat("x", 3*firstBuffer)
	input := "one\n\n" + long + "\r\nlast"
	want := []string{"one", "", long + "\r", "last"}
	for _, r := range []io.Reader{strings.NewReader(input), iotest.OneByteReader(strings.NewReader(input)), iotest.DataErrReader(strings.NewReader(input))} {
		var got []string
		lines := NewLines(r)
		for {
			line, cut, err := lines.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if cut || err != nil || lines.Number() != uint64(len(got)+1) {
				t.Fatalf("line %d: cut %v, %v", lines.Number(), cut, err)
			}
			got = append(got, string(line))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestALongLineIsCutAndTheNextOneIsWhole(t *testing.T) {
	r := io.MultiReader(io.LimitReader(endless('y'), 100<<20), strings.NewReader("\nnext\n"))
	lines := NewLines(r)
	line, cut, err := lines.Next()
	if len(line) != MaxLine || !cut || err != nil {
		t.Fatalf("got %d bytes, cut %v, %v", len(line), cut, err)
	}
	if line, cut, err = lines.Next(); string(line) != "next" || cut || err != nil {
		t.Fatalf("got %q, %v, %v", line, cut, err)
	}
	if len(lines.buf) > 4*MaxLine {
		t.Errorf("the buffer has %d bytes", len(lines.buf))
	}
}

func TestAReaderThatFailsIsHeardAfterWhatItGave(t *testing.T) {
	broken := errors.New("broken")
	lines := NewLines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)))
	for _, want := range []string{"a", "b"} {
		if line, _, err := lines.Next(); string(line) != want || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	if _, _, err := lines.Next(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestKeptTextsAreBounded(t *testing.T) {
	var texts Texts
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	name := bytes.Repeat([]byte("n"), 100)
	for i := range 200_000 {
		copy(name, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
		texts.Name(name)
		texts.Statement(append([]byte("select a from "), name...), false)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("200,000 texts and names take %d MiB", grown>>20)
	}
	runtime.KeepAlive(&texts)
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

func spans(n int) []bridge.Span {
	batch := make([]bridge.Span, n)
	for i := range batch {
		batch[i] = bridge.Span{
			TraceID: bridge.TraceID{1}, SpanID: bridge.SpanID{1, byte(i)}, Name: fmt.Sprintf("span\n%d", i),
			Kind: bridge.KindServer, StartNs: 1, EndNs: 2,
		}
	}
	return batch
}

func newExporter(t *testing.T, path string) (*Exporter, *bridge.Tally) {
	t.Helper()
	tally := new(bridge.Tally)
	x, err := New(path, tally)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return x, tally
}

func export(t *testing.T, x *Exporter, n int) {
	t.Helper()
	if err := x.Export(context.Background(), spans(n)); err != nil {
		t.Fatal(err)
	}
}

// spanCounts decodes a file and returns the number of spans on each line.
func spanCounts(t *testing.T, path string) (counts []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		request, err := otlptest.UnmarshalTracesJSON([]byte(line))
		if err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		counts = append(counts, len(request.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()))
	}
	return counts
}

func TestEachBatchIsALineThatIsThereAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	x, tally := newExporter(t, path)
	x.Version = "1.2.3"
	export(t, x, 3)
	export(t, x, 0)
	export(t, x, 5)
	if diff := cmp.Diff([]int{3, 5}, spanCounts(t, path)); diff != "" {
		t.Error(diff)
	}
	if data, _ := os.ReadFile(path); !bytes.Contains(data, []byte(`"version":"1.2.3"`)) {
		t.Error("the version is missing")
	}
	if diff := cmp.Diff(bridge.TallyCounts{Taken: 8, Acked: 8}, tally.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestFileIsPrivateAndAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	for range 2 {
		x, _ := newExporter(t, path)
		export(t, x, 2)
	}
	if diff := cmp.Diff([]int{2, 2}, spanCounts(t, path)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %o", mode)
	}
}

func TestHalfALineOfAKilledProgramIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans.jsonl")
	if err := os.WriteFile(path, []byte(`{"resourceSp`), 0o600); err != nil {
		t.Fatal(err)
	}
	x, _ := newExporter(t, path)
	export(t, x, 1)
	export(t, x, 1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(data), "\n"); len(lines) != 4 || lines[0] != `{"resourceSp` {
		t.Errorf("lines: %q", lines)
	}
}

func TestLinesOfSeveralWritersDoNotInterleave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			line := bytes.Repeat([]byte{'a' + byte(i)}, 10_000)
			for range 50 {
				if err := w.WriteLine(line); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != 400 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if line != strings.Repeat(line[:1], 10_000) {
			t.Fatal("lines are mixed")
		}
	}
}

// disk takes so many bytes and is full then.
type disk struct {
	*os.File
	room         int
	cannotShrink bool
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	if _, err := d.File.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Truncate(size int64) error {
	if d.cannotShrink {
		return syscall.EPERM
	}
	return d.File.Truncate(size)
}

func TestFullDiskDropsAndGoesOn(t *testing.T) {
	for _, cannotShrink := range []bool{false, true} {
		t.Run(fmt.Sprintf("truncation refused: %v", cannotShrink), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spans.jsonl")
			x, tally := newExporter(t, path)
			var told []string
			x.Logf = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
			f, ok := x.writer.out.(*os.File)
			if !ok {
				t.Fatal("no file")
			}
			full := &disk{File: f, room: 1000, cannotShrink: cannotShrink}
			x.writer.out = full
			export(t, x, 1)
			export(t, x, 20)
			export(t, x, 20)
			full.room = 1 << 20
			export(t, x, 2)
			export(t, x, 3)

			want := bridge.TallyCounts{Taken: 46, Acked: 6}
			want.Dropped[bridge.DropEncode] = 40
			if diff := cmp.Diff(want, tally.Counts()); diff != "" {
				t.Error(diff)
			}
			if len(told) != 2 || !strings.Contains(told[0], "no space left on device") || !strings.HasSuffix(told[1], "40 spans were dropped") {
				t.Errorf("told: %q", told)
			}
			if !cannotShrink {
				if diff := cmp.Diff([]int{1, 2, 3}, spanCounts(t, path)); diff != "" {
					t.Error(diff)
				}
				return
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Split(string(data), "\n"); len(lines) != 5 || !strings.HasSuffix(lines[2], "}") {
				t.Errorf("%d lines, all but the torn one whole: %q", len(lines), lines)
			}
		})
	}
}

func TestDevFullIsAFullDisk(t *testing.T) {
	x, tally := newExporter(t, "/dev/full")
	export(t, x, 4)
	if got := tally.Counts().Dropped[bridge.DropEncode]; got != 4 {
		t.Errorf("%d dropped", got)
	}
}

func TestAfterShutdownSpansAreDropped(t *testing.T) {
	x, tally := newExporter(t, filepath.Join(t.TempDir(), "spans.jsonl"))
	if err := x.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := x.Export(context.Background(), spans(3)); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
	if got := tally.Counts().Dropped[bridge.DropShutdown]; got != 3 {
		t.Errorf("%d dropped", got)
	}
}

func TestStandardOutputStaysOpen(t *testing.T) {
	x, _ := newExporter(t, Stdout)
	if err := x.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.Stat(); err != nil {
		t.Error(err)
	}
}

func TestDirectoryThatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "spans.jsonl")
	if _, err := New(path, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

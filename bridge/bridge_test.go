// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// scriptedSource yields what a test lays before it, then an error.
type scriptedSource struct {
	steps []any // *Record or error
}

func (s *scriptedSource) Next(r *Record) error {
	if len(s.steps) == 0 {
		return io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	if err, ok := step.(error); ok {
		return err
	}
	*r = *step.(*Record)
	return nil
}

func (s *scriptedSource) Close() error { return nil }

type batchSizes struct {
	sizes []int
	fail  error
}

func (b *batchSizes) Export(_ context.Context, batch []Span) error {
	b.sizes = append(b.sizes, len(batch))
	return b.fail
}

func (b *batchSizes) Shutdown(context.Context) error { return nil }

func TestRunDeliversEverythingBeforeItEnds(t *testing.T) {
	steps := []any{ErrIdle}
	for range maxBatch + 3 {
		steps = append(steps, query("SELECT 1"))
	}
	steps = append(steps, nested("SELECT 2", 9, 8)) // waits for its outermost, which never comes
	got := &batchSizes{}
	b := Bridge{Source: &scriptedSource{steps}, Assembler: newAssembler(AssemblerConfig{}), Exporters: []Exporter{got}, MaxAge: time.Hour}
	if err := b.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(got.sizes) != 2 || got.sizes[0] != maxBatch || got.sizes[1] != 4 {
		t.Errorf("batches of %v", got.sizes)
	}
}

func TestRunFlushesWhatIsOldEnough(t *testing.T) {
	got := &batchSizes{}
	b := Bridge{
		Source:    &scriptedSource{[]any{query("SELECT 1"), ErrIdle, query("SELECT 2"), ErrIdle}},
		Assembler: newAssembler(AssemblerConfig{}), Exporters: []Exporter{got}, MaxAge: time.Nanosecond,
	}
	if err := b.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(got.sizes) < 2 {
		t.Errorf("batches of %v, want each span at once", got.sizes)
	}
}

func TestRunReturnsTheSourcesFailure(t *testing.T) {
	broken := errors.New("broken")
	got := &batchSizes{fail: errors.New("full")}
	told := 0
	b := Bridge{
		Source: &scriptedSource{[]any{query("SELECT 1"), broken}}, Assembler: newAssembler(AssemblerConfig{}),
		Exporters: []Exporter{got}, Logf: func(string, ...any) { told++ }, MaxAge: time.Hour,
	}
	if err := b.Run(context.Background()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if len(got.sizes) != 1 || told != 1 {
		t.Errorf("batches %v, told %d times", got.sizes, told)
	}
}

// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// screen is a writer that may be read while it is written to.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func export(t *testing.T, e *Exporter, spans ...bridge.Span) {
	t.Helper()
	if err := e.Export(context.Background(), spans); err != nil {
		t.Fatal(err)
	}
}

func shutdown(t *testing.T, e *Exporter) {
	t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestSpansOfATraceAreDrawnTogetherAlthoughTheyComeApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		var tally bridge.Tally
		e := New(&out, Options{Location: time.UTC}, &tally)
		spans := request()
		export(t, e, spans[0])
		time.Sleep(100 * time.Millisecond)
		export(t, e, spans[1:4]...)
		time.Sleep(100 * time.Millisecond)
		export(t, e, query(1, 9))
		export(t, e, spans[4:]...)
		if out.String() != "" {
			t.Errorf("drawn before its time:\n%s", out.String())
		}
		time.Sleep(time.Second)
		golden(t, "stream.txt", []byte(out.String()))
		shutdown(t, e)
		if c := tally.Counts(); c.Taken != 7 || c.Acked != 7 || c.Queued != 0 {
			t.Errorf("tally %+v, want 7 taken and acked", c)
		}
	})
}

func TestWhatIsNotDrawnIsSummedUpOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		var tally bridge.Tally
		e := New(&out, Options{Location: time.UTC, TracesPerSecond: 2}, &tally)
		var batch []bridge.Span
		for i := range 1236 {
			s := query(0, byte(i))
			s.TraceID[0], s.TraceID[1] = byte(i), byte(i>>8)
			batch = append(batch, at(s, 0, 210*time.Microsecond))
		}
		batch[700] = at(batch[700], 0, 12*time.Millisecond)
		export(t, e, batch...)
		time.Sleep(1100 * time.Millisecond)
		golden(t, "flood.txt", []byte(out.String()))
		shutdown(t, e)
		if c := tally.Counts(); c.Taken != 1236 || c.Acked != 1236 {
			t.Errorf("tally %+v, want all acked", c)
		}
	})
}

func TestFailuresAreDrawnWhenTheBudgetIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		e := New(&out, Options{TracesPerSecond: 1}, nil)
		failed := query(3, 3)
		failed.Status = bridge.StatusError
		failed.Name = "UPDATE broken"
		another := failed
		another.TraceID = traceID(4)
		export(t, e, query(1, 1), query(2, 2), failed, another)
		shutdown(t, e)
		if got := strings.Count(out.String(), "UPDATE broken"); got != 1 {
			t.Errorf("%d failures drawn, want 1:\n%s", got, out.String())
		}
		if want := "… 2 more spans (median 410 µs, max 412 µs, 1 failed)\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("no sum %q at the end of:\n%s", want, out.String())
		}
	})
}

func TestShutdownDrawsWhatIsHeldAndRefusesMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		var tally bridge.Tally
		e := New(&out, Options{Window: time.Hour}, &tally)
		export(t, e, query(1, 1))
		shutdown(t, e)
		shutdown(t, e)
		if !strings.Contains(out.String(), "SELECT orders") {
			t.Errorf("held trace lost:\n%s", out.String())
		}
		if err := e.Export(context.Background(), []bridge.Span{query(2, 2)}); err == nil {
			t.Error("export after shutdown succeeded")
		}
		if c := tally.Counts(); c.Acked != 1 || c.Dropped[bridge.DropShutdown] != 1 || c.Queued != 0 {
			t.Errorf("tally %+v, want one acked and one dropped", c)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAWriterThatFailsIsCountedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally bridge.Tally
		e := New(brokenWriter{}, Options{}, &tally)
		export(t, e, request()...)
		if err := e.Shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("shutdown: %v, want broken pipe", err)
		}
		if c := tally.Counts(); c.Dropped[bridge.DropEncode] != 6 || c.Queued != 0 {
			t.Errorf("tally %+v, want six dropped", c)
		}
	})
}

// stuckWriter blocks until it is released, as a terminal does after Ctrl-S.
type stuckWriter struct{ release chan struct{} }

func (w stuckWriter) Write(p []byte) (int, error) {
	<-w.release
	return len(p), nil
}

func TestAWriterThatStandsStillDelaysNobodyAndMemoryStaysBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tally bridge.Tally
		w := stuckWriter{make(chan struct{})}
		e := New(w, Options{TracesPerSecond: 5}, &tally)
		sent := 0
		for i := range 600 { // a minute
			for k := range 100 {
				s := query(byte(k), 1)
				s.TraceID[0], s.TraceID[1] = byte(i), byte(i>>8)
				export(t, e, s)
				sent++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(e.order); n > maxHeldSeconds*5 {
			t.Errorf("%d traces held", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("shutdown: %v, want deadline exceeded", err)
		}
		c := tally.Counts()
		if int(c.Taken) != sent || c.Queued != 0 || int(c.Acked+c.DroppedTotal()) != sent {
			t.Errorf("tally %+v does not close over %d spans", c, sent)
		}
		close(w.release)
		<-e.done
		if again := tally.Counts(); again != c {
			t.Errorf("tally changed after shutdown: %+v, was %+v", again, c)
		}
	})
}

func TestALongTraceIsCutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		var tally bridge.Tally
		e := New(&out, Options{MaxSpans: 3}, &tally)
		for i := range byte(100) {
			export(t, e, query(1, i+1))
		}
		shutdown(t, e)
		if lines := strings.Count(out.String(), "\n"); lines != 1+2*3+1+1 {
			t.Errorf("%d lines:\n%s", lines, out.String())
		}
		if !strings.Contains(out.String(), "… 97 more spans") || tally.Counts().Acked != 100 {
			t.Errorf("tally %+v, drawn:\n%s", tally.Counts(), out.String())
		}
	})
}

func TestExporterConcurrentSafe(t *testing.T) {
	var out screen
	var tally bridge.Tally
	e := New(&out, Options{Window: time.Millisecond}, &tally)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				s := query(byte(g), byte(i))
				s.TraceID[0] = byte(i)
				_ = e.Export(context.Background(), []bridge.Span{s})
			}
		})
	}
	wg.Wait()
	shutdown(t, e)
	if c := tally.Counts(); c.Taken != 800 || c.Acked != 800 {
		t.Errorf("tally %+v", c)
	}
	drawn := len(regexp.MustCompile(`(?m)^\d\d:`).FindAllString(out.String(), -1)) +
		len(regexp.MustCompile(`(?m)^ +\+`).FindAllString(out.String(), -1))
	summed := 0
	for _, m := range regexp.MustCompile(`… ([\d,]+) more`).FindAllStringSubmatch(out.String(), -1) {
		n := 0
		if _, err := fmt.Sscan(strings.ReplaceAll(m[1], ",", ""), &n); err != nil {
			t.Fatal(err)
		}
		summed += n
	}
	if drawn+summed != 800 {
		t.Errorf("%d drawn and %d summed, want 800 together", drawn, summed)
	}
}

// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newKernelAssembler knows an operation at probes in the kernel, number opProcess.
func newKernelAssembler() *Assembler {
	d := newDirectory()
	d.ops = append(d.ops[:opProcess:opProcess], &Operation{
		Name: "process", Tier: "raw", Kind: KindInternal, InKernel: true, Metric: "process.duration",
		Host: &Instance{Resource: &Resource{Attrs: []Attr{String("service.name", "linux")}}},
		Fields: []Field{
			{Name: "name", Attr: "process.executable.name", Type: FieldString, Slot: 0},
			{Name: "code", Attr: "process.exit.code", Slot: 0},
		},
	})
	d.ops[opProcess].NamedBy = &d.ops[opProcess].Fields[0]
	return NewAssembler(AssemblerConfig{}, d, bootTime, &Exemplars{})
}

const opProcess = opUnknown

func process(change func(*Record)) *Record {
	r := &Record{Op: opProcess, TGID: 7, TID: 8, Seq: 4_000_000_000, StartNs: 1000, EndNs: 1000 + 12_300_000_000}
	r.Strings[0], r.Strings[threadName] = []byte("sleep"), []byte("sleep\x00\x00\x00")
	change(r)
	return r
}

func TestWhatRunsInTheKernelHasTheIDsOfTheSpanThatComes(t *testing.T) {
	a := newKernelAssembler()
	before := a.counts
	one, ok := a.Running(process(func(r *Record) { r.Flags |= FlagUnfinished; r.TGID, r.TID = 0, 0 }), nil)
	if !ok || a.counts != before || len(a.Spans()) != 0 {
		t.Fatalf("told %v, counts %+v", ok, a.counts)
	}
	if want := "sleep has been running for 12.3 s"; one.Sentence() != want || one.Age != 12300*time.Millisecond {
		t.Errorf("%q after %v, want %q", one.Sentence(), one.Age, want)
	}
	want := map[string]string{
		"process.executable.name": "sleep", "thread.name": "sleep", "spanbridge.tier": "raw",
		"spanbridge.unfinished": "true", "spanbridge.running.duration": "12.3",
	}
	if diff := cmp.Diff(want, attrsOf(&one.Span)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	// Whose it is became known in between.
	a.Add(process(func(r *Record) { r.EndNs += 1e9 }))
	a.Add(process(func(r *Record) { r.StartNs++ }))
	s := a.Spans()
	if one.Span.TraceID != s[0].TraceID || one.Span.SpanID != s[0].SpanID || one.Span.Resource != s[0].Resource {
		t.Errorf("told of %x/%x, the span is %x/%x", one.Span.TraceID, one.Span.SpanID, s[0].TraceID, s[0].SpanID)
	}
	if s[1].TraceID == s[0].TraceID || s[1].SpanID == s[0].SpanID {
		t.Error("one that began at another time has the same ids")
	}
}

func TestUnfinishedOperationsInTheKernelSaySo(t *testing.T) {
	for _, test := range []struct {
		flags  RecordFlags
		status StatusCode
		text   string
		kind   string
	}{
		{FlagUnfinished, StatusUnset, "", ""},
		{FlagUnfinished | FlagFailed, StatusError, "the thread ended first", "_OTHER"},
	} {
		a := newKernelAssembler()
		a.Add(process(func(r *Record) { r.Flags |= test.flags }))
		s := &a.Spans()[0]
		attrs := attrsOf(s)
		if s.Status != test.status || s.StatusText != test.text || attrs["error.type"] != test.kind || attrs["spanbridge.unfinished"] != "true" {
			t.Errorf("flags %#x: status %v %q, attributes %v", test.flags, s.Status, s.StatusText, attrs)
		}
		if _, told := attrs["process.exit.code"]; told {
			t.Error("the exit code of what has not ended is told")
		}
	}
}

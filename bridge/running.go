// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"context"
	"fmt"
	"time"
)

const (
	keyRunning      = "spanbridge.running.duration"
	keyWaiting      = "spanbridge.running.wait"
	keyWaitingFor   = "spanbridge.running.wait.duration"
	keyBlocker      = "spanbridge.lock.blocker.connection.id"
	keyConnection   = "spanbridge.connection.id"
	lookEvery       = time.Second
	toldAgainAt     = 10 // times the age
	maxToldRunning  = 4096
	maxRunningBatch = 256
)

// Running is an operation that goes on, as it was seen at a moment.
type Running struct {
	// Span is what the operation's span would be if it ended now. It has the ids that
	// the span will have.
	Span Span
	Age  time.Duration
	// Wait names the inner operation that the operation is in, such as "row lock
	// wait"; "": none is known. Waited is for how long.
	Wait   string
	Waited time.Duration
	// Now says what the operation's thread is at by the kernel, such as "on CPU" or
	// "network wait"; "": that is not known, or less telling than Wait.
	Now string
	// Connection is the server's number of the connection, and Blocker that of the
	// one that holds what this one waits for. 0: it is not known.
	Connection, Blocker int64
	// Idle is, of an operation apart, for how long the thread was in no statement.
	Idle time.Duration
}

// Sentence says it in words, without a literal of the statement.
func (r *Running) Sentence() string {
	b := fmt.Appendf(nil, "%s has been running for %.1f s", r.Span.Name, r.Age.Seconds())
	separator := ": "
	if r.Idle > 0 {
		b = fmt.Appendf(b, ", idle for %.1f s", r.Idle.Seconds())
	}
	if r.Wait != "" {
		b = fmt.Appendf(b, ": %s for %.1f s", r.Wait, r.Waited.Seconds())
		separator = ", "
	}
	if r.Now != "" {
		b = fmt.Append(b, separator, r.Now)
	}
	if r.Blocker > 0 {
		b = fmt.Appendf(b, ", held by connection %d", r.Blocker)
	}
	return string(b)
}

// OpenSource is a [Source] that knows what is open. Open calls back with a record
// of every operation that has been open for that long, with FlagUnfinished. The record
// is valid until the call returns; one inside another comes after that. Open may be
// called while Next waits.
type OpenSource interface {
	Open(age time.Duration, each func(*Record)) error
}

// RunningExporter tells of what goes on for long. It must not retain the batch or
// anything that it refers to, nor wait for the network.
type RunningExporter interface {
	ExportRunning(ctx context.Context, batch []Running) error
}

// running is what has been told of operations that go on.
type running struct {
	looked time.Time
	of     map[runningKey]time.Duration // the age at which to tell again
	failed bool
}

type runningKey struct {
	tid, seq uint32
	startNs  uint64
}

// numberKey names an operation among those that are open at a time.
type numberKey struct{ tid, seq uint32 }

// look tells of what has been running for long, once a second: of each operation
// once, and again when it is ten times as old.
func (b *Bridge) look(ctx context.Context) {
	source, ok := b.Source.(OpenSource)
	if !ok || b.OpenAfter <= 0 || time.Since(b.told.looked) < lookEvery {
		return
	}
	b.told.looked = time.Now()
	var batch []Running
	still := make(map[runningKey]time.Duration)
	seen := make(map[numberKey]*Running)
	err := source.Open(b.OpenAfter, func(r *Record) {
		key, age := runningKey{r.TID, r.Seq, r.StartNs}, time.Duration(r.EndNs-r.StartNs)
		again, known := b.told.of[key]
		if len(still) >= maxToldRunning {
			return
		}
		one, ok := b.Assembler.Running(r, seen[numberKey{r.TID, r.ParentSeq}])
		if !ok {
			return
		}
		seen[numberKey{r.TID, r.Seq}] = &one
		if known {
			still[key] = again
		}
		if age >= again && len(batch) < maxRunningBatch { // the rest has its turn at the next look
			still[key] = toldAgainAt * age
			batch = append(batch, one)
		}
	})
	b.told.of = still
	b.tellRunning(ctx, batch, err)
	b.Assembler.Reset()
}

func (b *Bridge) tellRunning(ctx context.Context, batch []Running, err error) {
	if err != nil && !b.told.failed && b.Logf != nil {
		b.Logf("look for what runs: %v", err)
	}
	b.told.failed = err != nil
	if len(batch) == 0 {
		return
	}
	for _, to := range b.Running {
		if err := to.ExportRunning(ctx, batch); err != nil && b.Logf != nil {
			b.Logf("tell of %d operations that run: %v", len(batch), err)
		}
	}
}

// Running makes of the record of an open operation what is told of it while it
// runs; of one inside another, what is told of that is needed, else nil. What it refers
// to is valid until Reset, and nothing is counted.
func (a *Assembler) Running(r *Record, around *Running) (one Running, ok bool) {
	op := a.dir.Operation(r.Op)
	if op == nil || r.ParentSeq != 0 && around == nil {
		return one, false
	}
	counts := a.counts
	defer func() { a.counts = counts }()
	if op.InKernel {
		return a.runningInKernel(r, op), true
	}
	instance := a.dir.Instance(r.TGID)
	t := a.listen(r, op, instance)
	span := a.newSpan(r, op, instance)
	st := a.placeRunning(&span, r, op, &t, around)
	first := len(a.attrs)
	a.describe(&span, r, op, instance, &t, &st)
	one = Running{Span: span, Age: time.Duration(r.EndNs - r.StartNs)}
	a.attrs = append(a.attrs, Float(keyRunning, one.Age.Seconds()))
	a.describeWaiting(&one, r, instance)
	one.Now = nowBeside(r, one.Wait)
	if op.Apart {
		one.Idle = idle(r)
	}
	one.Span.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
	for i := range one.Span.Attrs {
		switch attr := &one.Span.Attrs[i]; attr.Key {
		case keyConnection:
			one.Connection = attr.Int()
		case keyBlocker:
			one.Blocker = attr.Int()
		}
	}
	if one.Connection == 0 && around != nil {
		one.Connection = around.Connection
	}
	return one, true
}

// placeRunning gives what runs the trace that its span will have.
func (a *Assembler) placeRunning(span *Span, r *Record, op *Operation, t *told, around *Running) (st statement) {
	if around != nil {
		outer := &around.Span
		span.TraceID, span.Parent, span.TraceState = outer.TraceID, outer.SpanID, outer.TraceState
		span.Flags = flagLocalOrNoParent | outer.Flags&FlagSampled
		return a.readText(r, op)
	}
	if op.Apart {
		if state, _ := a.placeApart(span, r, t); state != nil {
			state.told = true
		}
		return st
	}
	st = a.readText(r, op)
	st.set, st.setting = a.note(r, op, t)
	v := a.judge(r, op, t, &st)
	if !a.adopt(span, r, &v) { // nobody will see a span, but the operation runs
		span.TraceID, span.Parent, span.Flags = v.context.TraceID, v.context.ParentID, flagRemoteParent
	}
	return st
}

// nowBeside says what the thread is at. Of a wait that the server names, the kernel sees
// no more than that the thread waits for another one, or sleeps.
func nowBeside(r *Record, wait string) string {
	class, known := r.now()
	if !known || wait != "" && (class == TimeLock || class == TimeSleep || class == TimeOther) {
		return ""
	}
	return waitNames[class]
}

// describeWaiting appends what is known of the innermost inner operation that is
// open and has a name.
func (a *Assembler) describeWaiting(one *Running, r *Record, instance *Instance) {
	for i := range r.Entries {
		e := &r.Entries[i]
		op := a.dir.Operation(e.Op)
		if e.Flags&FlagUnfinished == 0 || op == nil {
			continue
		}
		name := op.entryName(e.Value, instance.Names[op.Name])
		if name == "" {
			continue
		}
		one.Wait, one.Waited = name, time.Duration(e.DurationNs)
		a.attrs = append(a.attrs, String(keyWaiting, name), Float(keyWaitingFor, one.Waited.Seconds()))
		in := inside{details: r.Details}
		a.describeEntry(e, in.detailOf(e), op)
		return
	}
}

// SPDX-License-Identifier: Apache-2.0

package bridge

import "time"

// Attributes of what went on in an operation apart.
const (
	keyStatements = "spanbridge.statements"
	keyIdle       = "spanbridge.idle.duration" // in seconds
)

// apart is what is remembered of the operation apart that a connection has open, by
// the statements in it: under which span it belongs.
type apart struct {
	seq       uint32 // 0: none is known
	trace     TraceID
	parent    SpanID
	state     string
	flags     uint32
	adopted   bool // parent is in the application
	unsampled bool // the application does not sample the trace
	told      bool // of while it runs, so that it stays there
}

// rememberApart enters a statement that ended in an operation apart: that is under the
// span of the application under which the first of its statements is that has one, else under the
// first of its statements. Of a statement without a span, because its application does not
// sample the trace, there is none of what it is in either.
func (a *Assembler) rememberApart(r *Record, t *told, span *Span, sampled bool) {
	if r.Apart == 0 || !t.hasConnection {
		return
	}
	state := &a.connections.at(t.connection).apart
	adopted := !sampled || span.Flags&flagRemoteParent == flagRemoteParent
	if state.seq == r.Apart && (state.adopted || state.told || !adopted) {
		return
	}
	*state = apart{seq: r.Apart, adopted: adopted, unsampled: !sampled}
	if state.unsampled {
		return
	}
	state.trace, state.parent, state.state, state.flags = span.TraceID, span.SpanID, span.TraceState, span.Flags&FlagSampled|flagLocalOrNoParent
	if adopted {
		state.parent, state.flags = span.Parent, span.Flags
	}
}

// placeApart gives an operation apart its trace. It returns false if the span is not to
// be made.
func (a *Assembler) placeApart(span *Span, r *Record, t *told) (state *apart, ok bool) {
	if t.hasConnection {
		if c := a.connections.of(t.connection); c != nil && c.apart.seq == r.Seq {
			state = &c.apart
		}
	}
	if state == nil {
		span.TraceID = a.ids.traceOf(r)
		return nil, true
	}
	span.TraceID, span.Parent, span.TraceState, span.Flags = state.trace, state.parent, state.state, state.flags
	return state, !state.unsampled
}

// addApart makes the span of an operation apart. One that began and ended in the same
// statement waits for that, which is around it.
func (a *Assembler) addApart(r *Record, op *Operation) {
	instance := a.dir.Instance(r.TGID)
	t := a.listen(r, op, instance)
	span := a.newSpan(r, op, instance)
	_, sampled := a.placeApart(&span, r, &t)
	if !sampled {
		a.counts.Unsampled++
		return
	}
	first := len(a.attrs)
	a.describe(&span, r, op, instance, &t, &statement{})
	span.Attrs = a.attrs[first:len(a.attrs):len(a.attrs)]
	a.counts.Assembled++
	if r.ParentSeq != 0 && r.ParentSeq < r.Seq {
		a.hold(r, span, inside{})
		return
	}
	a.spans = append(a.spans, span)
	a.offer(r, op, &t, &span)
}

// describeApart appends what went on in an operation apart.
func (a *Assembler) describeApart(r *Record) {
	if r.RestCount[0] == 0 {
		return
	}
	a.attrs = append(a.attrs, Int(keyStatements, int64(r.RestCount[0])), Float(keyIdle, idle(r).Seconds()))
}

// idle is for how long the thread was in no statement.
func idle(r *Record) time.Duration {
	return max(0, time.Duration(r.EndNs-r.StartNs)-time.Duration(r.RestNs[0]))
}

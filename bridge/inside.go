// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"cmp"
	"math"
	"slices"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// inside is what became known within one operation: what its entries and its
// phases are made of. Its times are CLOCK_MONOTONIC in nanoseconds.
type inside struct {
	startNs    uint64
	boundaryNs uint64 // between the phases; 0: there are none
	op         *Operation
	entries    []Entry
	waits      []Wait
	details    []Detail
	names      map[string]map[uint64]string // of the process
}

// insideOf returns what is inside a record, whose entries and details it refers to. A
// boundary that is not within the operation is none.
func insideOf(r *Record, op *Operation, instance *Instance, t *told) inside {
	in := inside{startNs: r.StartNs, op: op, entries: r.Entries, details: r.Details, waits: r.Waits, names: instance.Names}
	if r.StartNs < t.boundary && t.boundary < r.EndNs {
		in.boundaryNs = t.boundary
	}
	if !slices.IsSortedFunc(in.entries, byEnd) { // what ended elsewhere may come late
		slices.SortStableFunc(in.entries, byEnd)
	}
	return in
}

// byEnd orders entries by their ends, and those that end together from the inside out.
func byEnd(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.StartNs+a.DurationNs, b.StartNs+b.DurationNs), cmp.Compare(b.Depth, a.Depth))
}

// addInside makes the spans of the phases, the entries and the waits. Both come
// in the order of their ends, so an inner one precedes the one around it.
func (a *Assembler) addInside(in *inside, root *Span) {
	at := levels{whole: root.SpanID}
	at.first, at.second = a.addPhases(in, root)
	entries, waits := in.entries, in.waits
	for len(entries)+len(waits) > 0 {
		if w := last(waits); w != nil && !endsAfter(last(entries), w) {
			waits = waits[:len(waits)-1]
			a.addWait(in, w, root, &at)
			continue
		}
		e := last(entries)
		entries = entries[:len(entries)-1]
		a.addEntry(in, e, root, &at)
	}
}

func last[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[len(list)-1]
}

func endsAfter(e *Entry, w *Wait) bool {
	return e != nil && e.StartNs+e.DurationNs >= w.StartNs+w.DurationNs
}

// levels are the spans under which inner ones come.
type levels struct {
	at                   [MaxEntries + 2]SpanID // the latest of each depth
	startNs              [MaxEntries + 2]uint64 // of those
	whole, first, second SpanID                 // the operation and its phases
}

// parent returns the span around an inner one of that depth and these times.
func (l *levels) parent(in *inside, depth int, startNs, durationNs uint64) SpanID {
	if parent := l.at[depth-1]; !parent.IsZero() && l.startNs[depth-1] <= startNs {
		return parent
	}
	return in.phaseOf(startNs, startNs+durationNs, l)
}

func (a *Assembler) addEntry(in *inside, e *Entry, root *Span, at *levels) {
	op := a.dir.Operation(e.Op)
	depth := int(e.Depth)
	if op == nil || depth < 1 || depth >= len(at.at) {
		return
	}
	name := op.entryName(e.Value, in.names[op.Name])
	if name == "" {
		return
	}
	s := a.child(root, at.parent(in, depth, e.StartNs, e.DurationNs), name, op.Kind)
	if !op.Sequence {
		at.at[depth], at.startNs[depth] = s.SpanID, e.StartNs // steps of a sequence lie beside others, not around them
	}
	s.StartNs = root.StartNs + int64(e.StartNs-in.startNs)
	s.EndNs = s.StartNs + int64(e.DurationNs)
	if e.Flags&FlagFailed != 0 {
		s.Status = StatusError
	}
	begin := len(a.attrs)
	a.attrs = append(a.attrs, String(keyTier, op.Tier))
	if e.Flags&FlagUnfinished != 0 {
		a.attrs = append(a.attrs, Bool(keyOpen, true))
	}
	a.describeEntry(e, in.detailOf(e), op)
	a.finishChild(&s, begin)
}

// addWait makes the span of a wait that the kernel saw.
func (a *Assembler) addWait(in *inside, w *Wait, root *Span, at *levels) {
	depth := int(w.Depth)
	if w.Class >= NumTimes || depth < 1 || depth >= len(at.at) {
		return
	}
	s := a.child(root, at.parent(in, depth, w.StartNs, w.DurationNs), waitNames[w.Class], KindInternal)
	s.StartNs = root.StartNs + int64(w.StartNs-in.startNs)
	s.EndNs = s.StartNs + int64(w.DurationNs)
	begin := len(a.attrs)
	a.attrs = append(a.attrs, String(keyTier, tierKernel), String(keyTimeClass, w.Class.String()))
	a.finishChild(&s, begin)
}

// detailOf returns what is told of an entry beside its value, or nil.
func (in *inside) detailOf(e *Entry) *Detail {
	for i := range in.details {
		if in.details[i].StartNs == e.StartNs {
			return &in.details[i]
		}
	}
	return nil
}

// describeEntry appends the attributes of what an entry and its detail tell.
func (a *Assembler) describeEntry(e *Entry, d *Detail, op *Operation) {
	for i := range op.Fields {
		switch f := &op.Fields[i]; {
		case f.Type <= FieldInt && f.Slot == 0:
			a.addValue(f, e.Value)
		case f.Type <= FieldInt && op.InKernel && f.Slot <= len(e.More):
			a.addValue(f, e.More[f.Slot-1])
		case d != nil && f.Attr != "" && !f.Role.private():
			a.addDetail(f, d)
		}
	}
	if d != nil {
		a.addLock(op, d)
	}
}

// addValue appends an attribute of an integer of an entry.
func (a *Assembler) addValue(f *Field, value uint64) {
	switch name, named := f.Names[value]; {
	case f.Attr == "" || value == 0 && f.OmitZero:
	case named:
		a.attrs = append(a.attrs, String(f.Attr, name))
	default:
		a.attrs = append(a.attrs, Int(f.Attr, int64(value)))
	}
}

// addDetail appends an attribute of what notes told of an inner operation.
func (a *Assembler) addDetail(f *Field, d *Detail) {
	if f.Type == FieldString {
		a.name = sqltext.ValidUTF8(a.name[:0], d.Names[f.Slot])
		if len(a.name) > 0 || !f.OmitZero {
			a.attrs = append(a.attrs, String(f.Attr, a.names.text(a.name)))
		}
		return
	}
	if v := d.Values[f.Slot]; v != math.MaxUint64 && (v != 0 || !f.OmitZero) {
		a.attrs = append(a.attrs, Int(f.Attr, int64(v)))
	}
}

// addPhases makes the spans of the two phases and returns their ids, which are
// those of root where there are none.
func (a *Assembler) addPhases(in *inside, root *Span) (first, second SpanID) {
	first, second = root.SpanID, root.SpanID
	if in.boundaryNs == 0 {
		return first, second
	}
	boundary := root.StartNs + int64(in.boundaryNs-in.startNs)
	for i, id := range []*SpanID{&first, &second} {
		if in.op.Phases[i] == "" {
			continue
		}
		s := a.child(root, root.SpanID, in.op.Phases[i], KindInternal)
		s.StartNs, s.EndNs = root.StartNs, boundary
		if i == 1 {
			s.StartNs, s.EndNs = boundary, root.EndNs
		}
		*id = s.SpanID
		begin := len(a.attrs)
		a.attrs = append(a.attrs, String(keyTier, in.op.Tier))
		a.finishChild(&s, begin)
	}
	return first, second
}

// phaseOf returns the phase in which times lie, else the whole operation.
func (in *inside) phaseOf(startNs, endNs uint64, l *levels) SpanID {
	switch {
	case in.boundaryNs == 0:
		return l.whole
	case startNs >= in.boundaryNs:
		return l.second
	case endNs <= in.boundaryNs:
		return l.first
	}
	return l.whole
}

// child begins a span within root.
func (a *Assembler) child(root *Span, parent SpanID, name string, kind Kind) Span {
	return Span{
		TraceID: root.TraceID, SpanID: a.ids.span(), Parent: parent, Flags: flagLocalOrNoParent | root.Flags&FlagSampled,
		TraceState: root.TraceState, Name: name, Kind: kind, Resource: root.Resource,
	}
}

// finishChild hands a span out, with the attributes appended since begin.
func (a *Assembler) finishChild(s *Span, begin int) {
	s.Attrs = a.attrs[begin:len(a.attrs):len(a.attrs)]
	a.spans = append(a.spans, *s)
	a.counts.Children++
}

// entryName returns the span name of an inline operation by the value of its
// entry, "" if it gives none; own are the process's names, if it has such.
func (o *Operation) entryName(value uint64, own map[uint64]string) string {
	if own != nil {
		return own[value]
	}
	if name, ok := o.Names[value]; ok {
		return name
	}
	return orElse(o.SpanName, o.Name)
}

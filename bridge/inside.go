// SPDX-License-Identifier: Apache-2.0

package bridge

// inside is what became known within one operation: what its entries and its
// phases are made of. Its times are CLOCK_MONOTONIC in nanoseconds.
type inside struct {
	startNs    uint64
	boundaryNs uint64 // between the phases; 0: there are none
	op         *Operation
	entries    []Entry
	names      map[string]map[uint64]string // of the process
}

// insideOf returns what is inside a record, whose entries it refers to. A
// boundary that is not within the operation is none.
func insideOf(r *Record, op *Operation, instance *Instance, t *told) inside {
	in := inside{startNs: r.StartNs, op: op, entries: r.Entries, names: instance.Names}
	if r.StartNs < t.boundary && t.boundary < r.EndNs {
		in.boundaryNs = t.boundary
	}
	return in
}

// addInside makes the spans of the phases and of the entries. Entries come in
// the order of their ends, so an inner one precedes the one around it.
func (a *Assembler) addInside(in *inside, root *Span) {
	first, second := a.addPhases(in, root)
	var at [MaxEntries + 2]SpanID // the latest span of each depth
	for i := len(in.entries) - 1; i >= 0; i-- {
		e := &in.entries[i]
		op := a.dir.Operation(e.Op)
		depth := int(e.Depth)
		if op == nil || depth < 1 || depth >= len(at) {
			continue
		}
		name := op.entryName(e.Value, in.names[op.Name])
		if name == "" {
			continue
		}
		parent := at[depth-1]
		if parent.IsZero() {
			parent = in.phaseOf(e, root.SpanID, first, second)
		}
		s := a.child(root, parent, name, op.Kind)
		if !op.Sequence {
			at[depth] = s.SpanID // steps of a sequence lie beside others, not around them
		}
		s.StartNs = root.StartNs + int64(e.StartNs-in.startNs)
		s.EndNs = s.StartNs + int64(e.DurationNs)
		if e.Flags&FlagFailed != 0 {
			s.Status = StatusError
		}
		begin := len(a.attrs)
		a.attrs = append(a.attrs, String(keyTier, op.Tier))
		if len(op.Fields) > 0 && op.Fields[0].Attr != "" {
			a.attrs = append(a.attrs, Int(op.Fields[0].Attr, int64(e.Value)))
		}
		a.finishChild(&s, begin)
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

// phaseOf returns the phase in which an entry lies, else the whole operation.
func (in *inside) phaseOf(e *Entry, whole, first, second SpanID) SpanID {
	switch {
	case in.boundaryNs == 0:
		return whole
	case e.StartNs >= in.boundaryNs:
		return second
	case e.StartNs+e.DurationNs <= in.boundaryNs:
		return first
	}
	return whole
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

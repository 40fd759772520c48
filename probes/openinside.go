// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"cmp"
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
)

// isInside reports whether an open operation at probes in the kernel belongs into the
// record of the statement around it.
func (s *Session) isInside(op uint16) bool {
	o := s.Operation(op)
	return o != nil && o.Inline
}

// appendDecoded appends what a record says, if it says anything.
func appendDecoded(all []*bridge.Record, record []byte) []*bridge.Record {
	r := &bridge.Record{}
	if decodeRecord(record, r) != nil {
		return all
	}
	return append(all, r)
}

// addInside adds to the record of an open statement what the kernel does for it now, in
// front of what that is inside of: there a record has the innermost first.
func (s *Session) addInside(r *bridge.Record, all []*bridge.Record) {
	var inside []*bridge.Record
	for _, in := range all {
		if in.TID == r.TID && in.ParentSeq == r.Seq && in.StartNs >= r.StartNs && in.StartNs <= r.EndNs {
			inside = append(inside, in)
		}
	}
	slices.SortFunc(inside, func(a, b *bridge.Record) int { return cmp.Compare(a.StartNs, b.StartNs) })
	for _, in := range inside {
		if len(r.Entries) >= bridge.MaxEntries {
			return
		}
		at, depth := len(r.Entries), uint16(1)
		for i, e := range slices.Backward(r.Entries) {
			if e.Flags&bridge.FlagUnfinished == 0 {
				break
			}
			at = i
			if o := s.Operation(e.Op); o != nil && !o.Sequence {
				depth = max(depth, e.Depth+1)
			}
		}
		e := bridge.Entry{
			Op: in.Op, Flags: bridge.FlagUnfinished, Depth: depth,
			StartNs: in.StartNs, DurationNs: r.EndNs - in.StartNs, Value: in.Values[0],
		}
		copy(e.More[:], in.Values[1:])
		r.Entries = slices.Insert(r.Entries, at, e)
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// readOpen returns a record of every operation that is open, as the kernel side
// would send it now: of a thread the inner ones first.
func (s *Session) readOpen() ([][]byte, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	var read bytes.Buffer
	if err := s.iterate(bpf.ProgramsProgReadOpen, &read); err != nil {
		return nil, fmt.Errorf("read open operations: %w", err)
	}
	return splitRecords(read.Bytes())
}

// splitRecords takes records apart that lie one behind the other.
func splitRecords(b []byte) (all [][]byte, err error) {
	for len(b) > 0 {
		if len(b) < eventSize {
			return all, errors.New("read open operations: a record is cut")
		}
		record := bytes.Clone(b[:eventSize]) // a struct wants to be aligned
		size := eventSize + int(eventOf(record).Used)
		if size > len(b) {
			return all, errors.New("read open operations: a record is cut")
		}
		all, b = append(all, append(record, b[eventSize:size]...)), b[size:]
	}
	return all, nil
}

// takeOpen keeps a record of what is open now for Next to deliver at the end.
// Whoever ends later tells nothing more. What is shorter than asked for is left
// out, as if it ended now.
func (s *Session) takeOpen() error {
	if err := s.objects.Taking.Set(uint32(1)); err != nil {
		return fmt.Errorf("take open operations: %w", err)
	}
	all, err := s.readOpen()
	pending, pendingErr := s.readPending(bpf.KernelProgTakePending)
	shortest := s.shortest()
	for _, record := range append(all, pending...) {
		e := eventOf(record)
		least, known := shortest[e.Op]
		switch {
		case !known:
			continue
		case s.isInside(e.Op):
			s.leftInside = appendDecoded(s.leftInside, record)
			continue
		case time.Duration(e.EndNs-e.StartNs) < least:
			continue
		}
		s.left = append(s.left, record)
		s.taken[e.Op].Add(1)
	}
	return errors.Join(err, pendingErr)
}

// shortest returns from which duration on operations are told.
func (s *Session) shortest() map[uint16]time.Duration {
	all := make(map[uint16]time.Duration)
	for _, sv := range s.served {
		all[sv.op] = s.minDuration(sv.operation)
	}
	return all
}

// openKey names an operation that is open.
type openKey struct {
	tid, seq uint32
	startNs  uint64
}

// settled is how long an operation has to be open to be read in the memory of its
// server: at first there may be what the one before left.
const settled = 10 * time.Millisecond

// Open implements [bridge.OpenSource].
func (s *Session) Open(age time.Duration, each func(*bridge.Record)) error {
	all, err := s.openRecords(max(age, settled))
	for _, r := range slices.SortedFunc(maps.Values(all), func(a, b *bridge.Record) int { return cmp.Compare(a.Seq, b.Seq) }) {
		each(r) // of a thread the outer ones first
	}
	return err
}

// openRecords returns what is known of operations that have been open for at least
// that long, with what their servers have of them in memory. One that was not open
// any more after that was read is left out: it may be another one's.
func (s *Session) openRecords(age time.Duration) (map[openKey]*bridge.Record, error) {
	raw, err := s.readAllOpen()
	if err != nil {
		return nil, err
	}
	all, inside := make(map[openKey]*bridge.Record), make(map[openKey]*bridge.Record)
	around := make(map[numberKey]bool) // what has others inside of it
	for _, b := range raw {            // of a thread the inner ones first
		r := &bridge.Record{}
		if decodeRecord(b, r) != nil {
			continue
		}
		if s.isInside(r.Op) {
			inside[openKeyOf(r)] = r
			continue
		}
		around[numberKey{r.TID, r.ParentSeq}] = true
		if time.Duration(r.EndNs-r.StartNs) >= age {
			s.readMemory(r, around[numberKey{r.TID, r.Seq}])
			all[openKeyOf(r)] = r
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	if raw, err = s.readAllOpen(); err != nil {
		return nil, err
	}
	still := make(map[openKey]*bridge.Record, len(all))
	var stillInside []*bridge.Record
	for _, b := range raw {
		var r bridge.Record
		if decodeRecord(b, &r) != nil {
			continue
		}
		key := openKeyOf(&r)
		if in := inside[key]; in != nil {
			stillInside = append(stillInside, in)
		} else if known := all[key]; known != nil {
			still[key] = known
		}
	}
	for _, r := range still {
		s.addInside(r, stillInside)
	}
	return still, nil
}

// readAllOpen reads what is open, in programs and in the kernel.
func (s *Session) readAllOpen() ([][]byte, error) {
	all, err := s.readOpen()
	pending, pendingErr := s.readPending(bpf.KernelProgReadPending)
	return append(all, pending...), errors.Join(err, pendingErr)
}

// numberKey names an operation among those that are open at a time.
type numberKey struct{ tid, seq uint32 }

func openKeyOf(r *bridge.Record) openKey { return openKey{r.TID, r.Seq, r.StartNs} }

// readMemory completes a record from the memory of its process, as far as that
// can be read. Where it is around another one, the text that the server has at hand is
// that one's.
func (s *Session) readMemory(r *bridge.Record, isAround bool) {
	captures, _ := s.later.Load(r.Op)
	later, _ := captures.([]bpf.ProgramsCapture)
	if len(later) == 0 {
		return
	}
	memory, err := os.Open(procPath(int(r.TID), "mem")) // of any thread
	if err != nil {
		return
	}
	defer memory.Close()
	w := walker{memory: memory, textHead: s.cfg.TextHead, noText: isAround}
	w.complete(r, later)
}

// adopt enters what was read of the same operation before.
func adopt(r, known *bridge.Record) {
	for i, v := range known.Values {
		if r.Values[i] == 0 {
			r.Values[i] = v
		}
	}
	for i, text := range known.Strings {
		if len(r.Strings[i]) == 0 {
			r.Strings[i] = text
		}
	}
	if r.Flags&bridge.FlagHasText == 0 && known.Flags&bridge.FlagHasText != 0 {
		const ofText = bridge.FlagHasText | bridge.FlagTextCut | bridge.FlagNoText
		r.Flags = r.Flags&^ofText | known.Flags&ofText
		r.Text, r.Tail, r.TextLength = known.Text, known.Tail, known.TextLength
	}
}

// nextLeft delivers what takeOpen kept.
func (s *Session) nextLeft(r *bridge.Record) error {
	for len(s.left) > 0 {
		record := s.left[0]
		s.left = s.left[1:]
		if decodeRecord(record, r) == nil {
			s.addInside(r, s.leftInside)
			if known := s.known[openKeyOf(r)]; known != nil {
				adopt(r, known)
			}
			return nil
		}
		s.decodeErrors.Add(1)
	}
	return io.EOF
}

// iterate runs an iterator of that name, which is loaded by now or soon.
func (s *Session) iterate(name string, to io.Writer) error {
	p, err := s.program(name)
	if err != nil {
		return err
	}
	return iterate(p, to)
}

// iterate runs an iterator to its end, and hands on what it writes.
func iterate(p *ebpf.Program, to io.Writer) error {
	it, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return explain(err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(to, r)
	return err
}

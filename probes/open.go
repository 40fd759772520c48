// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

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
	if err := iterate(s.objects.ReadOpen, &read); err != nil {
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
		size := eventSize + int((*bpf.ProgramsEvent)(unsafe.Pointer(unsafe.SliceData(record))).Used)
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
	for _, record := range all {
		e := (*bpf.ProgramsEvent)(unsafe.Pointer(unsafe.SliceData(record)))
		if time.Duration(e.EndNs-e.StartNs) < s.cfg.MinDuration || e.Op >= bpf.MaxOperations {
			continue
		}
		s.left = append(s.left, record)
		s.taken[e.Op].Add(1)
	}
	return err
}

// nextLeft delivers what takeOpen kept.
func (s *Session) nextLeft(r *bridge.Record) error {
	for len(s.left) > 0 {
		record := s.left[0]
		s.left = s.left[1:]
		if decodeRecord(record, r) == nil {
			return nil
		}
		s.decodeErrors.Add(1)
	}
	return io.EOF
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

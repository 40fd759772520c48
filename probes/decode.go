// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

const (
	eventSize  = int(unsafe.Sizeof(bpf.ProgramsEvent{}))
	entrySize  = int(unsafe.Sizeof(bpf.ProgramsEntry{}))
	detailSize = int(unsafe.Sizeof(bpf.ProgramsDetail{}))
	// idle is how long Next waits for a record; producers wake it earlier
	// when a lot has come.
	idle = 100 * time.Millisecond
)

// nativeUint32 reads a number of at least four bytes as the kernel wrote it.
func nativeUint32(b []byte) uint32 { return *(*uint32)(unsafe.Pointer(&b[0])) }

// nativeUint64 does the same with eight bytes.
func nativeUint64(b []byte) uint64 { return *(*uint64)(unsafe.Pointer(&b[0])) }

// Next implements [bridge.Source]. It returns bridge.ErrIdle when no record
// came for a tenth of a second, and counts records that cannot be decoded.
func (s *Session) Next(r *bridge.Record) error {
	for {
		s.reader.SetDeadline(time.Now().Add(idle))
		err := s.reader.ReadInto(&s.sample)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ringbuf.ErrFlushed):
			if s.draining.Load() {
				return s.nextLeft(r)
			}
			return bridge.ErrIdle
		case errors.Is(err, ringbuf.ErrClosed):
			return io.EOF
		case err != nil:
			return fmt.Errorf("read ring buffer: %w", err)
		}
		if decodeRecord(s.sample.RawSample, r) == nil {
			return nil
		}
		s.decodeErrors.Add(1)
	}
}

// eventOf is the struct event with which an aligned record begins.
func eventOf(record []byte) *bpf.ProgramsEvent {
	return (*bpf.ProgramsEvent)(unsafe.Pointer(unsafe.SliceData(record)))
}

// decodeRecord reads struct event. The record's slices are views into b.
func decodeRecord(b []byte, r *bridge.Record) error {
	if len(b) < eventSize {
		return fmt.Errorf("decode record: %d bytes are too few", len(b))
	}
	e := eventOf(b)
	data := b[eventSize:]
	*r = bridge.Record{
		Op: e.Op, Flags: bridge.RecordFlags(e.Flags), TGID: e.Tgid, TID: e.Tid,
		StartNs: e.StartNs, EndNs: e.EndNs, Seq: e.Seq, ParentSeq: e.ParentSeq, Command: e.Command, Before: e.Before,
		Values: e.Values, TextLength: uint64(e.TextLength), RestNs: e.RestNs, RestCount: e.RestCount,
		Entries: r.Entries[:0], Details: r.Details[:0], Waits: r.Waits[:0], Unlisted: e.Unlisted, Now: e.Now, Apart: e.ApartSeq, Times: bridge.Times{
			Ns: e.Times.Ns, MinorFaults: e.Times.MinorFaults, MajorFaults: e.Times.MajorFaults,
			Voluntary: e.Times.Voluntary, Involuntary: e.Times.Involuntary,
		},
	}
	for i, str := range e.Strings {
		from, to := int(str.Offset), int(str.Offset)+int(str.Length)
		if to > len(data) {
			return fmt.Errorf("decode record: string %d lies outside", i)
		}
		r.Strings[i] = data[from:to]
	}
	from, head, tail := int(e.TextOffset), int(e.Head), int(e.Tail)
	if from+head+tail > len(data) {
		return errors.New("decode record: text lies outside")
	}
	r.Text, r.Tail = data[from:from+head], data[from+head:from+head+tail]
	if int(e.Used) > len(data) {
		return errors.New("decode record: it lacks a part")
	}
	data, err := decodeDetails(data[:e.Used], int(e.Details), r)
	if err != nil {
		return err
	}
	return decodeEntries(data, e, r)
}

// decodeDetails reads the details of inner operations, which are the last thing in
// data, and returns what is before them.
func decodeDetails(data []byte, n int, r *bridge.Record) ([]byte, error) {
	first := len(data) - n*detailSize
	if first < 0 {
		return nil, errors.New("decode record: details lie outside")
	}
	for at := first; at < len(data); at += detailSize {
		var d bpf.ProgramsDetail
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&d)), detailSize), data[at:])
		detail := bridge.Detail{StartNs: d.StartNs, Values: d.Values}
		text := data[at+int(unsafe.Offsetof(d.Text)) : at+detailSize]
		for i, name := range d.Names {
			from, to := int(name.Offset), int(name.Offset)+int(name.Length)
			if to > len(text) {
				return nil, errors.New("decode record: a name lies outside")
			}
			detail.Names[i] = text[from:to]
		}
		r.Details = append(r.Details, detail)
	}
	return data[:first], nil
}

// decodeEntries reads the inner operations and behind them the waits, which come
// before that.
func decodeEntries(data []byte, e *bpf.ProgramsEvent, r *bridge.Record) error {
	entries, waits := int(e.Entries), int(e.Waits)
	n := entries + waits
	if n > bridge.MaxEntries || n*entrySize > len(data) {
		return errors.New("decode record: entries lie outside")
	}
	at := len(data) - n*entrySize
	next := func() (e bpf.ProgramsEntry) {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&e)), entrySize), data[at:])
		at += entrySize
		return e
	}
	for left := entries; left > 0; left-- {
		e := next()
		entry := bridge.Entry{
			Op: e.Op, Flags: bridge.RecordFlags(e.Flags), Depth: e.Depth,
			StartNs: e.StartNs, DurationNs: e.DurationNs, Value: e.Value,
		}
		if e.Wide != 0 {
			if left--; left == 0 {
				return errors.New("decode record: an entry without its integers")
			}
			more := next()
			copy(entry.More[:], unsafe.Slice((*uint64)(unsafe.Pointer(&more)), bridge.MoreValues))
		}
		r.Entries = append(r.Entries, entry)
	}
	for range waits {
		e := next()
		r.Waits = append(r.Waits, bridge.Wait{
			Class: bridge.TimeClass(e.Op), Depth: e.Depth, StartNs: e.StartNs, DurationNs: e.DurationNs,
		})
	}
	return nil
}

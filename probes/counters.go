// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

func (s *Session) operations() []*bridge.Operation { return *s.table.Load() }

func (s *Session) addOperation(op *bridge.Operation) {
	old := s.operations()
	table := append(old[:len(old):len(old)], op)
	s.table.Store(&table)
}

// Operation implements [bridge.Directory].
func (s *Session) Operation(op uint16) *bridge.Operation {
	table := s.operations()
	if int(op) >= len(table) {
		return nil
	}
	return table[op]
}

// DecodeErrors is how many records could not be read.
func (s *Session) DecodeErrors() uint64 { return s.decodeErrors.Load() }

// Counts reads what the kernel side has counted, for each operation. The
// number of open operations is counted anew, from the state of all threads.
func (s *Session) Counts() ([]bridge.OpCounts, error) {
	open, err := s.openOperations()
	if err != nil {
		return nil, err
	}
	var all []bridge.OpCounts
	for i := range s.operations() {
		var perCPU []bpf.ProgramsOpCounters
		if err := s.objects.Counters.Lookup(uint32(i), &perCPU); err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		var sum [numCounters]uint64
		for _, c := range perCPU {
			for k, n := range c.N {
				sum[k] += n
			}
		}
		c := opCounts(uint16(i), &sum, open[i])
		c.Unfinished += s.taken[i].Load()
		all = append(all, c)
	}
	return all, nil
}

// countPoints is COUNT_POINTS of record.h.
const countPoints = 2

const numCounters = int(unsafe.Sizeof(bpf.ProgramsOpCounters{}) / 8)

// opCounts names the counters; the order is that of enum counter in record.h.
func opCounts(op uint16, n *[numCounters]uint64, open uint64) bridge.OpCounts {
	return bridge.OpCounts{
		Op: op, Open: open,
		Starts: n[0], Dones: n[1], Points: n[2], Paired: n[3], Replaced: n[4], Overflow: n[5],
		NoStorage: n[6], Abandoned: n[7], NoStart: n[8], Outside: n[9], Filtered: n[10],
		Sampled: n[11], Inlined: n[12], RingFull: n[13], KernelErrors: n[14], Submitted: n[15],
		HistogramLost: n[16], Unwanted: n[17], Notes: n[18], Untimed: n[19], Unfinished: n[20],
	}
}

// openOperations runs an iterator over all threads.
func (s *Session) openOperations() ([]uint64, error) {
	counts := make([]uint64, bpf.MaxOperations)
	for i := range s.operations() {
		if err := s.objects.OpenOperations.Put(uint32(i), uint64(0)); err != nil {
			return nil, fmt.Errorf("reset count of open operations: %w", err)
		}
	}
	if err := s.iterate(bpf.ProgramsProgCountOpen, io.Discard); err != nil {
		return nil, fmt.Errorf("count open operations: %w", err)
	}
	for i := range s.operations() {
		if err := s.objects.OpenOperations.Lookup(uint32(i), &counts[i]); err != nil {
			return nil, fmt.Errorf("count open operations: %w", err)
		}
	}
	if s.inKernel == nil {
		return counts, nil
	}
	return counts, s.addOpenInKernel(counts)
}

// Histograms reads the durations that the kernel side has counted, and the
// numbers of single events.
func (s *Session) Histograms() ([]bridge.HistogramPoint, error) {
	var points []bridge.HistogramPoint
	var key bpf.ProgramsHistogramKey
	var perCPU []bpf.ProgramsHistogram
	it := s.objects.Histograms.Iterate()
	for it.Next(&key, &perCPU) {
		p := bridge.HistogramPoint{
			Op: key.Op, TGID: key.Tgid, Status: key.Status, Failed: key.Failed != 0, Namespace: s.namespaceOf(&key),
		}
		for i := range perCPU {
			p.Count += perCPU[i].Count
			p.SumNs += perCPU[i].SumNs
			for class, ns := range perCPU[i].TimeNs {
				p.TimeNs[class] += ns
			}
			for n, sum := range perCPU[i].Sums {
				p.Sums[n] += sum
			}
			for b, n := range perCPU[i].Buckets {
				p.Buckets[b] += n
			}
		}
		points = append(points, p)
	}
	if err := it.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("read histograms: %w", err)
	}
	return s.appendEvents(points)
}

// appendEvents adds the counts of point operations, which are not kept apart
// by process: their TGID is 0.
func (s *Session) appendEvents(points []bridge.HistogramPoint) ([]bridge.HistogramPoint, error) {
	for i, op := range s.operations() {
		if !op.Point {
			continue
		}
		var perCPU []bpf.ProgramsOpCounters
		if err := s.objects.Counters.Lookup(uint32(i), &perCPU); err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		if op.By != nil {
			bySite, err := s.pointsBySite(uint16(i))
			if err != nil {
				return nil, err
			}
			points = append(points, bySite...)
			continue
		}
		point := bridge.HistogramPoint{Op: uint16(i)}
		for _, c := range perCPU {
			point.Count += c.N[countPoints]
		}
		points = append(points, point)
	}
	return points, nil
}

// namespaceOf returns the namespace of a series, or the value that its operation
// is told apart by, as text.
func (s *Session) namespaceOf(key *bpf.ProgramsHistogramKey) string {
	text := unsafe.Slice((*byte)(unsafe.Pointer(&key.Namespace)), unsafe.Sizeof(key.Namespace))
	op := s.Operation(key.Op)
	if op == nil || len(op.By) == 0 {
		return untilNUL(text)
	}
	name, integers := text[:len(text)-8*catalog.MaxByIntegers], key.Namespace[len(key.Namespace)-catalog.MaxByIntegers:]
	if op.Apart {
		name, integers = text, []uint64{uint64(key.By)}
	}
	texts := make([]string, len(op.By))
	for i, f := range op.By {
		if f.Type == bridge.FieldString {
			texts[i] = untilNUL(name)
			continue
		}
		texts[i] = f.SeriesText(integers[0])
		integers = integers[1:]
	}
	return strings.Join(texts, bridge.SeriesSeparator)
}

func untilNUL(text []byte) string {
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	return string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

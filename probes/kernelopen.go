// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
)

// readPending returns a record of every operation at probes in the kernel that is open: those
// of threads, read by that iterator, and those kept by key. One that belongs into a statement's
// record has one here all the same, but those of a key, which threads have asked for.
func (s *Session) readPending(ofThreads string) (all [][]byte, err error) {
	k := s.inKernel
	if k == nil {
		return nil, nil
	}
	var threads bytes.Buffer
	err = k.iterate(ofThreads, &threads)
	for record := range slices.Chunk(threads.Bytes(), k.RecordSize()) {
		if len(record) == k.RecordSize() && s.tellsOfThread(eventOf(record)) {
			all = append(all, bytes.Clone(record))
		}
	}
	err = errors.Join(err, k.eachKeyed(func(_ *pendingKey, record []byte) {
		if s.tellsByKey(eventOf(record)) {
			all = append(all, bytes.Clone(record))
		}
	}))
	if err != nil {
		err = fmt.Errorf("read open operations at probes in the kernel: %w", err)
	}
	return endNow(all), err
}

// endNow makes records those of operations that have not ended. One that begins at this
// moment is left out.
func endNow(all [][]byte) [][]byte {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it does not fail
	return slices.DeleteFunc(all, func(record []byte) bool {
		e := eventOf(record)
		e.EndNs = uint64(now.Nano())
		e.Flags |= uint16(bridge.FlagUnfinished)
		return e.StartNs == 0 || e.StartNs > e.EndNs
	})
}

// tellsOfThread reports whether an open operation of a thread is told.
func (s *Session) tellsOfThread(e *bpf.ProgramsEvent) bool {
	op := s.Operation(e.Op)
	return op != nil && op.Inline == (e.ParentSeq != 0)
}

// tellsByKey does so of one that is kept by key. Where it becomes known late whose one
// is, it may be of a process that was not asked for.
func (s *Session) tellsByKey(e *bpf.ProgramsEvent) bool {
	if op := s.Operation(e.Op); op == nil || op.Inline {
		return false
	}
	if limited, _ := s.unsettled.Load(e.Op); limited != true {
		return true
	}
	var one uint8
	return s.objects.Targets.Lookup(targetKey(e.Op, int(e.Tgid)), &one) == nil
}

// iterate runs an iterator to its end, and hands on what it writes.
func (k *kernelPrograms) iterate(name string, to io.Writer) error {
	p, err := k.iterator(name)
	if err != nil {
		return err
	}
	return iterate(p, to)
}

// iterator returns an iterator when it is loaded.
func (k *kernelPrograms) iterator(name string) (*ebpf.Program, error) {
	p, err := k.Iterator(name)
	if err != nil {
		return nil, explainLoad(err)
	}
	return p, nil
}

// pendingKey is struct pending_key of bpf/kernelargs.bpf.h.
type pendingKey struct {
	Values [2]uint64
	Op     uint64
}

// eachKeyed calls back with all that is kept by key. Many are read at once: to go from one key to
// the next begins anew where the key is gone (htab_map_get_next_key, kernel/bpf/hashtab.c).
func (k *kernelPrograms) eachKeyed(each func(key *pendingKey, record []byte)) error {
	const atOnce = 128 // more than share a bucket
	keys := make([]pendingKey, atOnce)
	record := reflect.ArrayOf(k.RecordSize(), reflect.TypeFor[byte]())
	records := reflect.MakeSlice(reflect.SliceOf(record), atOnce, atOnce)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := k.Objects.Pending.BatchLookup(&cursor, keys, records.Interface(), nil)
		for i := range n {
			each(&keys[i], records.Index(i).Bytes())
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// awaitPrograms waits until no program runs any more whose probe in the kernel was
// detached: at a raw tracepoint one may, for a moment. To change a map of maps takes the
// kernel that long (maybe_wait_bpf_programs, kernel/bpf/syscall.c).
func (s *Session) awaitPrograms() error {
	if s.inKernel == nil {
		return nil
	}
	if err := s.objects.Buffers.Put(uint32(0), s.objects.Buffers0); err != nil {
		return fmt.Errorf("wait for programs: %w", err)
	}
	return nil
}

// addOpenInKernel adds the operations at probes in the kernel that are open: those of
// threads, and those kept by key.
func (s *Session) addOpenInKernel(counts []uint64) error {
	k := s.inKernel
	for i := range counts {
		if err := k.Objects.OpenPendingOperations.Put(uint32(i), uint64(0)); err != nil {
			return fmt.Errorf("reset count of open operations: %w", err)
		}
	}
	if err := k.iterate(bpf.KernelProgCountPending, io.Discard); err != nil {
		return fmt.Errorf("count open operations: %w", err)
	}
	for i := range counts {
		var n uint64
		if err := k.Objects.OpenPendingOperations.Lookup(uint32(i), &n); err != nil {
			return fmt.Errorf("count open operations: %w", err)
		}
		counts[i] += n
	}
	if err := s.addAsked(counts); err != nil {
		return err
	}
	return s.addKeyed(counts)
}

// addKeyed leaves out what threads have asked for: they may have given it up.
func (s *Session) addKeyed(counts []uint64) error {
	operations := s.operations()
	err := s.inKernel.eachKeyed(func(key *pendingKey, _ []byte) {
		if key.Op < uint64(len(operations)) && !operations[key.Op].Inline {
			counts[key.Op]++
		}
	})
	if err != nil {
		return fmt.Errorf("count open operations: %w", err)
	}
	return nil
}

// addAsked adds what threads have asked for inside of statements (bpf/asked.bpf.h).
func (s *Session) addAsked(counts []uint64) error {
	var tid uint32
	var of bpf.ProgramsAskedOfThread
	it := s.objects.Asked.Iterate()
	for it.Next(&tid, &of) {
		for i := range of.Place {
			if p := &of.Place[i]; p.State != 0 && p.Seq != 0 {
				counts[p.Told.Entry.Op]++
			}
		}
	}
	if err := it.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) { // entries went meanwhile
		return fmt.Errorf("count open operations: %w", err)
	}
	return nil
}

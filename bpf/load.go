// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"math/bits"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Limits of record.h that user space needs.
const (
	MaxCaptures   = 16
	MaxLoads      = 4
	MaxOperations = 256
	MaxString     = 256
	MaxTextHead   = 32 << 10 // bytes
	MinTextHead   = 64       // bytes
	maxEntries    = 64
	stringsSize   = 1024
	tailSize      = 512
)

// Settings are fixed when the programs are loaded.
type Settings struct {
	// TextHead is how many bytes of a statement's start are kept, from
	// MinTextHead to MaxTextHead. Every traced thread holds a buffer of
	// this size and about 4 KiB more, in kernel memory: see LongestText.
	TextHead int
	// RingBytes is the size of the ring buffer: a power of two, and a
	// multiple of the page size.
	RingBytes int
	// Sites is how many attach sites there can be.
	Sites int
	// Single loads the programs for single uprobes, as kernels without
	// uprobe_multi links need them (before Linux 6.6).
	Single bool
	// Attribution keeps a clock for every thread with an open operation, of
	// what its time goes to. The program thread_switch has to be attached.
	Attribution bool
	// WaitThreshold is from which length on waits are told one by one.
	WaitThreshold time.Duration
}

// Spec returns the programs and maps, ready to be loaded with these settings.
func Spec(s Settings) (*ebpf.CollectionSpec, error) {
	if s.TextHead < MinTextHead || s.TextHead > MaxTextHead {
		return nil, fmt.Errorf("text size %d is not within %d and %d bytes", s.TextHead, MinTextHead, MaxTextHead)
	}
	spec, err := LoadPrograms()
	if err != nil {
		return nil, fmt.Errorf("read embedded programs: %w", err)
	}
	if err := spec.Variables["text_head"].Set(uint32(s.TextHead)); err != nil {
		return nil, fmt.Errorf("set text size: %w", err)
	}
	if err := spec.Variables["wake_shift"].Set(wakeShift(s.RingBytes)); err != nil {
		return nil, fmt.Errorf("set wake-up size: %w", err)
	}
	if err := setAttribution(spec, s); err != nil {
		return nil, err
	}
	size := bufferSize(s.TextHead)
	for _, name := range []string{"buffers0", "buffers1", "buffers2", "buffers3", "unfinished"} {
		setValueSize(spec.Maps[name], size)
	}
	setValueSize(spec.Maps["buffers"].InnerMap, size)
	if s.Single {
		for _, name := range []string{"start", "done", "point"} {
			spec.Programs[name].AttachType = ebpf.AttachNone
		}
	}
	spec.Maps["events"].MaxEntries = uint32(s.RingBytes)
	spec.Maps["sites"].MaxEntries = uint32(s.Sites)
	return spec, nil
}

// bufferSize is the size of a record buffer: struct event and DATA_SIZE of bpf/capture.bpf.h.
func bufferSize(textHead int) uint32 {
	return uint32(unsafe.Sizeof(ProgramsEvent{})) + stringsSize + uint32(textHead) + tailSize +
		maxEntries*uint32(unsafe.Sizeof(ProgramsEntry{}))
}

func setAttribution(spec *ebpf.CollectionSpec, s Settings) error {
	if !s.Attribution {
		return nil
	}
	if err := spec.Variables["attribution"].Set(uint32(1)); err != nil {
		return fmt.Errorf("set attribution: %w", err)
	}
	if err := spec.Variables["wait_threshold_ns"].Set(uint64(s.WaitThreshold)); err != nil {
		return fmt.Errorf("set threshold of waits: %w", err)
	}
	return nil
}

// wakeShift is the binary logarithm of how many bytes wake the reader: 64 KiB,
// or a quarter of a smaller ring.
func wakeShift(ringBytes int) uint32 {
	return uint32(bits.Len(uint(min(ringBytes/4, 64<<10)))) - 1
}

// setValueSize gives a task storage another value size. The kernel insists
// that the size of the value's BTF type is the same (map_check_btf).
func setValueSize(m *ebpf.MapSpec, size uint32) {
	octet := &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	index := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	m.ValueSize = size
	m.Value = &btf.Array{Index: index, Type: octet, Nelems: size}
}

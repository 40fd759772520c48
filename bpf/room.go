// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"sort"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// LongestText returns the largest TextHead up to that one for which this kernel has room
// in a thread's storage: MinTextHead - 1 if there is none. It is found by trying. No map
// is refused for it: where kmalloc_nolock gives the memory, a thread gets none beyond
// KMALLOC_MAX_CACHE_SIZE, 8 KiB (mm/slub.c; since Linux 7), and is lost.
func LongestText(upTo int) (int, error) {
	fits, err := HasRoom(bufferSize(upTo))
	if fits || err != nil {
		return upTo, err
	}
	n := sort.Search(upTo-MinTextHead, func(i int) bool {
		fits, tryErr := HasRoom(bufferSize(MinTextHead + i))
		err = errors.Join(err, tryErr)
		return !fits
	})
	return MinTextHead + n - 1, err
}

// HasRoom reports whether the kernel gives a thread a value of that many bytes: this
// thread, for a moment.
func HasRoom(size uint32) (bool, error) {
	const noPrealloc, create, sleepable = 1 << 0, 1, 1 << 4 // include/uapi/linux/bpf.h
	spec := &ebpf.MapSpec{
		Type: ebpf.TaskStorage, KeySize: 4, Flags: noPrealloc,
		Key: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed},
	}
	setValueSize(spec, size)
	m, err := ebpf.NewMap(spec)
	if errors.Is(err, syscall.E2BIG) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("try the storage of a thread: %w", err)
	}
	defer m.Close()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Syscall, Flags: sleepable, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{
			asm.FnGetCurrentTaskBtf.Call(),
			asm.LoadMapPtr(asm.R1, m.FD()),
			asm.Mov.Reg(asm.R2, asm.R0),
			asm.Mov.Imm(asm.R3, 0),
			asm.Mov.Imm(asm.R4, create),
			asm.FnTaskStorageGet.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"),
			asm.Mov.Imm(asm.R0, 1),
			asm.Return().WithSymbol("out"),
		},
	})
	if err != nil {
		return false, fmt.Errorf("try the storage of a thread: %w", err)
	}
	defer p.Close()
	given, err := p.Run(&ebpf.RunOptions{})
	if err != nil {
		return false, fmt.Errorf("try the storage of a thread: %w", err)
	}
	return given == 1, nil
}

// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A kernel that gives them stacks of the CPU crashes: see stack.bpf.h.
func TestProgramsOfUprobesStayOnTheStackOfTheThread(t *testing.T) {
	spec, err := LoadPrograms()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for name, p := range spec.Programs {
		if p.Type != ebpf.Kprobe {
			continue
		}
		found++
		tailCall := false
		for _, ins := range p.Instructions {
			tailCall = tailCall || ins.IsBuiltinCall() && ins.Constant == int64(asm.FnTailCall)
		}
		if !tailCall {
			t.Errorf("%s has no tail call", name)
		}
	}
	if found == 0 {
		t.Error("there are none")
	}
}

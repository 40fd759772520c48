// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"encoding/hex"
	"testing"
)

func TestCallsThatTheKernelEmulatesAreCheap(t *testing.T) {
	for code, want := range map[string]Cost{
		"e800000000": CostEmulated, "e900000000": CostEmulated, "ebfe": CostEmulated, "67e800000000": CostEmulated,
		"f2e800000000": CostEmulated, "ff1500000000": CostStepped, "ff2500000000": CostStepped, "06": CostStepped,
	} {
		raw, err := hex.DecodeString(code + "9090")
		if err != nil {
			t.Fatal(err)
		}
		if got := callCost(elf.EM_X86_64, raw); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if got := callCost(elf.EM_AARCH64, []byte{0, 0, 0, 0x94}); got != CostUnknown {
		t.Errorf("arm64: %s", got)
	}
}

func TestShadowStacksAreKnown(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tmariadbd\nx86_Thread_features:\tshstk wrss \nx86_Thread_features_locked:\t\n": true,
		"Name:\tmariadbd\nx86_Thread_features:\t\nx86_Thread_features_locked:\tshstk \n":      false,
		"Name:\tshstk\n": false,
		"":               false,
	} {
		if got := shadowStackIn(status); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
	if hasShadowStack(-1) {
		t.Error("a process that does not exist has one")
	}
}

func TestArgumentsOnTheStackAreBelowTheReturnAddressWhereAFunctionIsCalled(t *testing.T) {
	for entered, want := range map[bool]int64{false: 0, true: 8} {
		arg, err := functionArgs(elf.EM_X86_64, entered)(6)
		if err != nil || arg.Kind != argMem || arg.Disp != want {
			t.Errorf("entered %v: %+v, %v", entered, arg, err)
		}
	}
}

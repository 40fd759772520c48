// SPDX-License-Identifier: Apache-2.0

package hits

import (
	"debug/elf"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The functions begin as they say: the file has those bytes where a probe would be.
func TestFunctionsBeginWithTheInstructionsThatTheyAreNamedFor(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Logf("no functions on %s", runtime.GOARCH)
		return
	}
	begins := map[string]string{
		"nop": "\x90", "nop5": "\x0f\x1f\x44\x00\x00", "push": "\x55", "jump": "\xeb\x00", "call": "\xe8\x01\x00\x00\x00",
		"endbr64": "\xf3\x0f\x1e\xfa", "mov": "\x48\x89\xc0", "return": "\x55",
	}
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, f := range functions() {
		offset, err := offsetInFile(f.address)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(begins[f.name]))
		for _, p := range file.Progs {
			if p.Type == elf.PT_LOAD && p.Off <= offset && offset < p.Off+p.Filesz {
				if _, err := p.ReadAt(got, int64(offset-p.Off)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if string(got) != begins[f.name] || len(got) == 0 {
			t.Errorf("%s begins with %x, want %x", f.name, got, begins[f.name])
		}
		repeat(f.address, 1000) // it returns
	}
}

func TestAnAddressOutsideOfAllFilesIsRefused(t *testing.T) {
	if _, err := offsetInFile(1); err == nil {
		t.Error("no error")
	}
}

func TestTheShortestRunCounts(t *testing.T) {
	n := 0
	ns, err := shortest(func(times int) {
		if n++; n != 5 {
			arithmetic(20 * times)
		}
	})
	if err != nil || ns > 5 {
		t.Errorf("%v ns, %v", ns, err)
	}
}

func TestRefusalsAreShort(t *testing.T) {
	if got := refusal(errors.Join(errors.New("load program: denied"), errors.New("0: R1=ctx"))); got != "load program: denied" {
		t.Errorf("%q", got)
	}
	if got := refusal(fmt.Errorf("load program: %w (MEMLOCK may be too low)", unix.EPERM)); got != "not permitted" {
		t.Errorf("%q", got)
	}
	if got := refusal(ebpf.ErrNotSupported); got != "this kernel does not have it" {
		t.Errorf("%q", got)
	}
}

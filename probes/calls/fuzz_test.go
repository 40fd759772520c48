// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// FuzzFind changes a part of a file and looks for calls: whatever is in it, what is
// found is a call, and there are not too many.
func FuzzFind(f *testing.F) {
	for i, p := range []*program{
		calling(`f3 0f 1e fa 55 e8 ` + to(callee, caller+10) + ` 5d c3`),
		linked(calling(`ff 15 `+to(slot, caller+6)+` e8 `+to(stub, caller+11)), `ff 25 `+to(slot, stub+6), section{extent: extent{slot, 8}}, words(callee)),
	} {
		raw := p.bytes(f)
		for _, at := range []int{0x40, caller - base, 0x3000, 0x3010, 0x3030, len(raw) - 128} {
			f.Add(byte(i), uint32(at), raw[at:at+32])
		}
	}
	f.Fuzz(func(t *testing.T, which byte, at uint32, change []byte) {
		p := calling(`e8 ` + to(callee, caller+5) + ` c3`)
		if which&1 == 1 {
			p = linked(calling(`ff 15 `+to(slot, caller+6)+` e8 `+to(stub, caller+11)),
				`ff 25 `+to(slot, stub+6), section{extent: extent{slot, 8}}, words(callee))
		}
		if which&2 == 2 {
			p.machine = elf.EM_AARCH64
		}
		raw := p.bytes(t)
		copy(raw[int(at)%len(raw):], change)
		file, err := elffile.Open(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for function, r := range Find(file, []uint64{callee, stub}) {
			if r.Err != nil && len(r.Sites) > 0 || len(r.Sites) > MaxSites {
				t.Fatalf("%#x: %d sites, %v", function, len(r.Sites), r.Err)
			}
			for i, s := range r.Sites {
				if !Confirm(file, s) || i > 0 && s.Address <= r.Sites[i-1].Address {
					t.Fatalf("%#x: %+v", function, r.Sites)
				}
			}
		}
	})
}

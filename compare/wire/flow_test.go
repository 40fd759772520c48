// SPDX-License-Identifier: Apache-2.0

package wire

import "testing"

// TestWhatWaitsIsBoundedWhateverItHolds: of packets that were cut off before their data nothing is kept but that they were there,
// and where only one direction is captured nobody acknowledges them.
func TestWhatWaitsIsBoundedWhateverItHolds(t *testing.T) {
	for _, held := range []int{0, 1, 1000} {
		f := flow{known: true, next: 1000}
		n := 0
		for seq := uint32(3000); !f.broken(); seq += 2000 {
			if !f.add(piece{seq: seq, data: make([]byte, held), missing: 1448 - held}) {
				t.Fatal("it does not wait")
			}
			if n++; n > maxPending/100 {
				t.Fatalf("%d pieces of %d bytes wait", n, held)
			}
		}
		kept := 0
		for len(f.pending) > 0 {
			f.next = f.pending[0].seq
			if _, ok := f.ready(); ok {
				kept++
			}
		}
		if kept != n || f.bytes != 0 {
			t.Errorf("%d of %d pieces went on, and %d bytes are counted", kept, n, f.bytes)
		}
	}
}

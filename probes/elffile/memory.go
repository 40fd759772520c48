// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"debug/elf"
	"fmt"
)

// ReadAt fills buf with what the file holds for a virtual address.
func ReadAt(f *elf.File, address uint64, buf []byte) error {
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || address < p.Vaddr || address-p.Vaddr >= p.Filesz {
			continue
		}
		into := address - p.Vaddr
		if p.Filesz-into < uint64(len(buf)) {
			return fmt.Errorf("address %#x: fewer than %d bytes to the end of its segment", address, len(buf))
		}
		n, err := p.ReadAt(buf, int64(into))
		if n == len(buf) {
			return nil
		}
		return noEOF(err)
	}
	return fmt.Errorf("address %#x is in no segment of the file", address)
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"
	"os"
	"path/filepath"
)

// deviceNames are the names of block devices by their dev_t as the kernel has it
// (include/linux/kdev_t.h). They are read where an operation begins to be observed: a
// disk that comes later keeps its number.
func deviceNames() map[uint64]string {
	const minorBits, minors = 20, 1 << 20
	const dir = "/sys/dev/block"
	names := make(map[uint64]string)
	all, err := os.ReadDir(dir)
	if err != nil {
		return names
	}
	for _, entry := range all {
		var major, minor uint64
		if n, _ := fmt.Sscanf(entry.Name(), "%d:%d", &major, &minor); n != 2 || minor >= minors {
			continue
		}
		if to, err := os.Readlink(filepath.Join(dir, entry.Name())); err == nil {
			names[major<<minorBits|minor] = filepath.Base(to)
		}
	}
	return names
}

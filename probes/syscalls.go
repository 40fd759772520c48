// SPDX-License-Identifier: Apache-2.0

package probes

import "sync"

// syscallNames are the names of the system calls of this architecture by number.
// Those of 32-bit programs have other numbers and are not told apart.
var syscallNames = sync.OnceValue(func() map[uint64]string {
	names := make(map[uint64]string, len(syscallTable))
	for _, call := range syscallTable {
		names[call.number] = call.name
	}
	return names
})

type syscallName struct {
	number uint64
	name   string
}

// SPDX-License-Identifier: Apache-2.0

package main

import "runtime/debug"

// leaveGarbage lets a start leave its garbage, some 20 MB, to be collected
// afterwards: that takes a tenth of its time else. What is more than the limit is
// collected all the same. The function that it returns ends that.
func leaveGarbage() (collect func()) {
	const limit = 128 << 20
	usual := debug.SetMemoryLimit(-1) // asks for it
	debug.SetMemoryLimit(min(limit, usual))
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(usual)
	}
}

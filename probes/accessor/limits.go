// SPDX-License-Identifier: Apache-2.0

package accessor

// MaxLoads is the greatest number of loads in a chain: what the kernel side
// walks.
const MaxLoads = 4

// Bounds on the work for one function. The getters of MySQL 9.7 and MariaDB
// need at most 12 instructions and 3 ways; setters with calls in them 40.
const (
	maxPathSteps  = 192  // instructions on one way
	maxTotalSteps = 4096 // instructions on all ways
	maxPaths      = 32   // ways from the entry to an end
	maxSlots      = 24   // values kept on the stack
	maxStores     = 32   // stores on one way
	maxArguments  = 8    // registers that pass arguments, on either machine
	maxFillers    = 16   // instructions that do nothing, between functions
)

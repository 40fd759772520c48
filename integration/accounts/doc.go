// SPDX-License-Identifier: Apache-2.0

// Package accounts holds what spanbridge compare says of real servers against what
// is known of them: a load's own journal, and faults that were planted. It holds no
// code but its tests.
package accounts

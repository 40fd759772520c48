// SPDX-License-Identifier: Apache-2.0

// Package reporttest makes results of comparisons for the tests of what shows
// them: accounts of one load, with the faults that accounts have.
package reporttest

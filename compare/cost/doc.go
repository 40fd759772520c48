// SPDX-License-Identifier: Apache-2.0

// Package cost measures what a way to watch a server costs it: slices of one load,
// with one method switched on at a time.
//
// # How it is measured
//
// The slices come in blocks. A block has one slice of every method, of nothing at
// all, and of nothing once more, in an order drawn anew for each block: what else
// the machine does, and how the server changes meanwhile, meets all alike. What is
// compared are the slices of one block, so that each block gives one ratio of a
// method to nothing, and the figure is their median with its interval (package
// interval).
//
// "Nothing" means with every method off that the server lets one switch off while it
// runs: no log, no telemetry, no consumer of Performance Schema. The second slice of
// nothing is treated as a method, [Control]: its ratio is 1 but for chance, so that
// its interval shows how much of the others is noise.
package cost

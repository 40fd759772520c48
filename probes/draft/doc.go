// SPDX-License-Identifier: Apache-2.0

// Package draft writes a profile to start from out of the USDT probes that a
// program has.
//
// Probes that are named as a pair, such as X__start and X__done, become an
// operation, the others are counted; every argument that can be read is
// captured. What the probes mean is not known here: the draft says in comments
// what is left to decide. Whatever the names in a file are, the result is a
// profile that probes/catalog accepts, or an error.
//
// The package is pure: it opens no file and looks at no process.
package draft

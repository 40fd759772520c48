// SPDX-License-Identifier: Apache-2.0

// Package inert makes texts that come from outside fit for people's eyes: what is
// in them cannot move a terminal's cursor, hide or reorder what stands beside it, or
// take more room than there is.
//
// It knows nothing of markup: a page escapes what it shows, besides.
package inert

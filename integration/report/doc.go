// SPDX-License-Identifier: Apache-2.0

// Package report opens the page of a comparison in a browser: nothing is to be
// complained of, it fits the screen, and it shows the figures of its JSON.
//
// With the build tag integration; -screenshots DIR keeps pictures of what was seen.
package report

// SPDX-License-Identifier: Apache-2.0

// Package report tells what a comparison came to: as a table for a terminal, as
// JSON for programs, and as one HTML page that needs nothing else, in English or
// Japanese.
//
// A [Result] holds figures only, and everything that is shown is in it: the page
// carries the JSON that it was made of. Statements are shown as the accounts give
// them, sanitised, and are made inert: whatever a client wrote into a statement
// cannot move a terminal's cursor or become markup.
//
// The package reads no server and no clock, and a page loads nothing and runs no
// script.
package report

// SPDX-License-Identifier: Apache-2.0

// Command skipcheck reads the output of "go test -json", prints it for people and
// fails unless exactly the expected tests were skipped, so that a green run
// cannot be an empty one.
//
// It never runs tests itself and never hides a failing test's output.
package main

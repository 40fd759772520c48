// SPDX-License-Identifier: Apache-2.0

// Command skipcheck reads the events of a test run (go doc test2json) from a file and
// fails unless every test has passed and exactly the expected ones were skipped, so
// that a green run cannot be an empty one. Where a test ran again because it failed,
// the last run counts, and the test is named.
package main

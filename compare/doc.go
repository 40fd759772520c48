// SPDX-License-Identifier: Apache-2.0

// Package compare holds lists of statements, as different sources tell of the
// same server, against each other: which statements each one saw, and whether
// they agree on what both saw. The sources are called accounts: probes,
// Performance Schema, logs, the wire, a load generator's own journal.
//
// The package is pure: it reads no server and no clock.
//
// # What counts as a statement
//
// What a client asked the server to execute, once each: a statement of a text
// packet (each of several in a packet, and one that fails to parse), and an
// execution of a prepared statement. Preparing, closing, pinging, changing the
// database and leaving are no statements, and neither is what runs inside
// stored programs: accounts may yield them, marked by their [Kind], and they are
// counted apart and never aligned.
//
// # How statements are paired
//
// By connection, text and time. A connection executes one statement at a
// time, so two accounts of it are two sequences of the same order, and pairing
// is an alignment of sequences: statements of different texts never pair, nor
// such that lie further apart in time than the coarser clock explains, and of all
// pairings without crossings that one is taken which costs the least: a pair costs
// its difference in time, and a statement that stays alone as much as the largest
// difference allowed. Clocks of accounts may be apart, by a constant or after a step:
// see [Offset].
package compare

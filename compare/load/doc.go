// SPDX-License-Identifier: Apache-2.0

// Package load makes work for a MySQL or MariaDB server, for a time: statements of its
// own ([Mixed]), sysbench, or any command. It says how much was done, and how
// long statements took as their clients saw it.
//
// # The journal
//
// Mixed can keep a journal: what its clients asked for and what they were answered, as an
// account. Nothing that a server, a log or a probe loses is lost there. What
// identifies a statement must survive the removal of literals and comments, and no
// client may rely on the one account that is examined. So most statements have a number of their
// own in a name (an alias), and between any two of one connection that have the
// same text, such as executions of one prepared statement, there is at least one with a
// number: by its place among them each statement is the only one that it can be.
package load

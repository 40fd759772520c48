// SPDX-License-Identifier: Apache-2.0

// Package errorlog reads error logs: the classic ones of MySQL from 5.6 and of MariaDB, and those of
// MySQL's JSON sink. They hold messages, not statements: [Join] tells which statements a
// message may be about.
//
// No value that a message quotes leaves the package, and no line without a stamp does: such lines
// are a part of the message before, and may hold statements (InnoDB's reports of deadlocks, a
// server's last words). They are counted.
package errorlog

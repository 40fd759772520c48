// SPDX-License-Identifier: Apache-2.0

// Package generallog reads general query logs as accounts of which statements there were:
// files of MySQL from 5.6 and of MariaDB, and the table mysql.general_log. Such a log tells
// when a server took a statement, and neither how long it took nor what became of it.
// No literal of a statement leaves the package.
//
// # What a log tells differently
//
// MariaDB logs a packet of several statements once, as one text: it is split, and
// all are yielded, also those after one that failed, which were never executed. MySQL does
// not log what it cannot parse. An EXECUTE is logged by both servers as a statement
// of its text, and then as the execution: the latter is [compare.Inner]. Statements of stored programs are
// logged by MariaDB only if log_disabled_statements does not hold "sp", and then
// nothing tells them from those of clients.
//
// # What can be taken for something else
//
// Servers write statements as they are: a statement with a line that looks like the
// beginning of another entry is two statements to every reader.
package generallog

// SPDX-License-Identifier: Apache-2.0

// Package slowlog reads slow query logs as accounts of statements: files of
// MySQL from 5.6, MariaDB and Percona Server with whatever they were told to add, and the
// table mysql.slow_log. It never changes a server's settings, and no literal of
// a statement leaves it.
//
// # When a statement began
//
// MySQL writes the end with microseconds since 5.7, and the duration, so that the start is
// known as well. It also writes starts (Start: of log_slow_extra, SET timestamp): these are
// not used, since a client can set them (SET TIMESTAMP), and that of a CALL is the start of
// the last statement inside. MariaDB and MySQL 5.6 write whole seconds: of the start
// and of the end. A client of theirs that sets its clock is logged at the time it has set.
//
// # What a log does not tell
//
// Whether a statement was prepared: all are [compare.Query]. An EXECUTE is logged as what it
// executes; MariaDB logs EXECUTE IMMEDIATE twice, as both. What MySQL cannot parse it does
// not log since 5.7. The database is told by MariaDB and Percona Server; in a file of MySQL only
// once a connection is known to have one. Errors are told with log_slow_extra, by Percona
// Server, and by MariaDB for some statements (log_slow_verbosity=warnings).
//
// # What can be taken for something else
//
// Servers write statements as they are. A statement that holds a line that ends with a semicolon
// and then all lines of an entry's head is two statements to every reader.
package slowlog

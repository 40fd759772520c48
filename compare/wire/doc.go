// SPDX-License-Identifier: Apache-2.0

// Package wire reads captured traffic of MySQL and MariaDB as an account of statements: files of tcpdump -w, pcap and
// pcapng, as they are or while they grow. It reads what clients and servers said to each other, so it sees no more
// than they do: no locks, and no rows that were read and not sent. No literal of a statement leaves it.
//
// # Time
//
// A statement begins with the last packet of its request, or with the end of the one before it where a
// client did not wait for that, and ends with the last packet of its response: what the server needed, and how long the
// client took to accept a response that does not fit into its socket's buffer. Of several statements in a
// packet each begins with the end of the one before. The clock is that of the host that captured.
//
// # Which connection
//
// The server's greeting tells the number of a connection. Where a connection began before the capture, [Options] may
// know it (see [Connections]); else its statements are counted as lost. Without a greeting it is also not known which form
// of the protocol was agreed on. It is recognised at the first response with rows; text of what was prepared before, the user
// and the database, until it is changed, are not told.
//
// # What cannot be read
//
// Encrypted and compressed connections, those of replication, and what is older than MySQL 4.1; each is told as a
// loss. So is each stretch in which packets are missing or were cut off (tcpdump -s). A packet
// that is missing costs the statement that it belongs to: the other direction tells where to go on.
// A statement whose response is missing is told without its outcome.
//
// # The protocol
//
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
// https://mariadb.com/docs/server/reference/clientserver-protocol.
package wire

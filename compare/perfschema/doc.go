// SPDX-License-Identifier: Apache-2.0

// Package perfschema reads Performance Schema of MySQL and MariaDB: statements one by one, as an
// account; the summary by digest and its histograms; who waits for whose locks. It also says what of
// Performance Schema is on, and changes that only where it is asked to ([Setup]). No
// literal of a statement leaves it.
//
// # How statements are read
//
// From events_statements_history_long, a ring of a size that is fixed when the server starts, which is
// read again before it may have come round. What is overwritten before it was read is
// lost, and found in two ways. Where: events have numbers within their thread, and those of a statement's
// events are without a gap, unless waits or stages are collected, too. How many: the server counts statements
// by thread and by name, apart from the ring. Both together give the losses. A statement that began before the
// account was opened or ends while it is closed may be counted as lost or not. What each connection lost is known of
// those that are there at the end; what others lost is told of all of them together, unless every event that is
// missing must be a statement.
//
// The server locks nothing while the ring is read (table_events_statements_history_long::rnd_next in its source): a row that is
// overwritten at that moment can be of two statements, half and half. So a row counts once two readings have found the same
// in it: the next one, or where the ring comes round so fast that it would be gone by then, another one at once. What is gone
// before that is lost. Only a thread that has to wait for a CPU in the midst of copying can leave a row half and half for both.
//
// A reading costs the server some microseconds for each row of the ring, so that a ring that is larger than what it is
// filled with is dear for nothing: it is read when a quarter of it is new, and every two seconds.
//
// The account's own connection is switched off for Performance Schema (the column INSTRUMENTED of its row in
// the table threads, which goes with the connection), so that it takes no room in the ring. Without
// the privilege for that it is left out as it is read.
//
// # Connections
//
// An event names a thread of the server. Which connection it was the table threads tells while it is there, and
// it is remembered. A connection that came and went between two readings cannot be named, and
// its statements are told as lost.
//
// # Clock
//
// Events have times of a timer that begins with the server. A reading of both clocks in one statement gives
// the difference, to some microseconds, anew every ten seconds.
//
// # What is not told
//
// MariaDB and MySQL 5.6 tell no text of executions of the binary protocol, and the latter not what came of them, nor what
// runs inside of stored programs. Of both, statements of a packet have the text of the packet from there on, which is
// cut off behind the first. MySQL tells PREPARE and EXECUTE with the prepared text, not with what was sent: they have no
// text here. Texts are cut at performance_schema_max_sql_text_length.
package perfschema

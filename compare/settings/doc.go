// SPDX-License-Identifier: Apache-2.0

// Package settings changes what a running MySQL or MariaDB server is set to, and puts it
// back: at the end of a session, or by [Restore] after the program was killed or its
// machine lost power. What is changed is written to a state file, and is on the
// disk, before it is changed.
//
// # What is put back
//
// The values that were there before, in reverse order, unless somebody else has changed them
// since: such are left alone and named, see [LeftError]. A server that has been restarted
// since has forgotten what it was set to, and nothing of it is touched.
// A state file is only ever applied to the server that it was written about.
//
// # Who may be at work
//
// One session at a time on a server. It holds a lock of the server (GET_LOCK), which keeps away sessions
// of other hosts and files, and one of the state file. Both go with the process that holds them.
//
// # What a setting reaches
//
// A global variable that also exists for sessions, such as long_query_time, is a default for
// connections that come: those that are there keep what they have. Nothing is
// made to outlive a restart of the server (SET PERSIST).
package settings

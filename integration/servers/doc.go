// SPDX-License-Identifier: Apache-2.0

// Package servers starts private MariaDB servers: each with its own data
// directory, Unix socket and port on 127.0.0.1, for tests and for the demo
// command.
//
// It never touches a server that it did not start, never reads the system's
// MariaDB configuration, never opens a connection with a MySQL driver, and knows
// nothing about probes.
package servers

// SPDX-License-Identifier: Apache-2.0

// Package servers starts private database servers: each with its own data
// directory, Unix socket and port on 127.0.0.1, for tests and for the demo
// command. Some run on the host, some in a container.
//
// It never touches a server that it did not start, never reads the system's
// configuration of a server, never opens a connection with a database driver, and
// knows nothing about probes.
package servers

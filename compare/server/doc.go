// SPDX-License-Identifier: Apache-2.0

// Package server asks a running MySQL or MariaDB what it is and how it is set, and finds its
// process on this host and the files that it writes, also where it runs in a container.
//
// A process is taken for the server only if it proves to be: what the server says of itself (its pid file, data
// directory and host name) is what that process has. A log of another server is never read.
package server

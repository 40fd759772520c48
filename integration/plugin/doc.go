// SPDX-License-Identifier: Apache-2.0

// Package plugin holds the tests of the server plugin in plugin/mariadb: they
// watch its probes with bpftrace, a witness that shares no code with this
// project, while a private MariaDB runs every kind of statement.
//
// It holds no code besides tests.
package plugin

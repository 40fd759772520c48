// SPDX-License-Identifier: Apache-2.0

package logfile

import "bytes"

// VersionMark is between a server's path and its version in a banner.
const VersionMark = ", Version: "

// IsBanner is for the first of the three lines that a server begins a slow or general log
// with: "/usr/sbin/mysqld, Version: 9.7.4 (Debian). started with:". After a crash
// it may be behind the beginning of a statement.
func IsBanner(line []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(line, "\r"), []byte("started with:")) && bytes.Contains(line, []byte(VersionMark))
}

// IsPort is for the second: "Tcp port: 3306  Unix socket: /run/mysqld.sock".
func IsPort(line []byte) bool {
	const port = "tcp port: "
	return len(line) >= len(port) && bytes.EqualFold(line[:len(port)], []byte(port))
}

// IsColumns is for the third: "Time  Id Command  Argument".
func IsColumns(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Time")) && bytes.Contains(line, []byte("Command"))
}

// SPDX-License-Identifier: Apache-2.0

package errorlog

import "time"

// Message is one entry of an error log.
type Message struct {
	At         int64         // Unix time, nanoseconds
	Resolution time.Duration // of At
	// Connection is the server's number of a thread, which is that of the
	// connection if the thread serves one; 0 if the log does not tell.
	Connection uint64
	Severity   Severity
	Code       string // such as MY-010914, "" before MySQL 8.0 and in MariaDB
	Subsystem  string // such as InnoDB, where there are codes
	SQLState   string // from the JSON sink only
	Text       string // without the values that it quotes
	Lines      int    // that followed without a stamp
	Ref        uint64 // its line
}

// Severity is how grave a message is.
type Severity string

// The severities.
const (
	System  Severity = "System"
	Error   Severity = "Error"
	Warning Severity = "Warning"
	Note    Severity = "Note"
)

func severityOf(b []byte) (Severity, bool) {
	switch string(b) {
	case "System":
		return System, true
	case "Error", "ERROR":
		return Error, true
	case "Warning":
		return Warning, true
	case "Note":
		return Note, true
	}
	return "", false
}

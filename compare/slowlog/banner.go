// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"bytes"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// version is that of the server, as far as the log tells it.
type version struct {
	known bool
	maria bool
	parts [3]uint64
}

// stampsStarts reports whether SET timestamp is known to be the start of a statement:
// so it is in MariaDB, and since MySQL 8.0.14
// (https://dev.mysql.com/doc/relnotes/mysql/8.0/en/news-8-0-14.html).
func (v *version) stampsStarts() bool {
	return v.known && (v.maria || v.parts[0] > 8 || v.parts[0] == 8 && (v.parts[1] > 0 || v.parts[2] >= 14))
}

// logsUnparsed reports whether the server logs what it cannot parse, too: MariaDB does,
// and MySQL 5.6 did.
func (v *version) logsUnparsed() bool {
	return v.maria || v.known && v.parts[0] == 5 && v.parts[1] < 7
}

// banner reads the first line, if it is one.
func (v *version) banner(line []byte) bool {
	if !logfile.IsBanner(line) {
		return false
	}
	_, rest, _ := bytes.Cut(line, []byte(logfile.VersionMark))
	*v = version{known: true, maria: bytes.Contains(rest, []byte("MariaDB"))}
	for i := range v.parts {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		v.parts[i], _ = logfile.Uint(rest[:n])
		if rest = rest[n:]; len(rest) == 0 || rest[0] != '.' {
			break
		}
		rest = rest[1:]
	}
	return true
}

// SPDX-License-Identifier: Apache-2.0

package generallog

import (
	"bytes"
	"time"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// head is what the first line of an entry begins with.
type head struct {
	stamp      logfile.Stamp
	stamped    bool // else the stamp is that of the entry before
	iso        bool
	connection uint64
	command    []byte
	argument   []byte
}

// parseHead reads "STAMP\t   12 Query\tselect 1". Where the second did not change, MariaDB
// writes a tab instead of the stamp.
func parseHead(line []byte, zone *time.Location) (h head, ok bool) {
	tab := bytes.IndexByte(line, '\t')
	if tab < 0 || tab > len("2024-05-10T17:45:09.474988+00:00") {
		return head{}, false
	}
	stamp, rest := line[:tab], line[tab+1:]
	switch {
	case tab == 0:
		if len(rest) == 0 || rest[0] != '\t' {
			return head{}, false
		}
		rest = rest[1:]
	default:
		if h.stamp, h.iso = logfile.ISO(stamp); !h.iso {
			if h.stamp, ok = logfile.Local(stamp, zone); !ok {
				return head{}, false
			}
		}
		h.stamped = true
	}
	if tab = bytes.IndexByte(rest, '\t'); tab < 0 {
		return head{}, false
	}
	h.argument = rest[tab+1:]
	id, command, found := bytes.Cut(bytes.TrimLeft(rest[:tab], " "), []byte{' '})
	h.command = command
	h.connection, ok = logfile.Uint(id)
	return h, ok && found && isCommand(command)
}

// isCommand reports whether a text is like the name of a command: "Query", "Init DB", "Binlog Dump GTID".
func isCommand(b []byte) bool {
	if len(b) < 3 || len(b) > 48 || b[0] < 'A' || b[0] > 'Z' {
		return false
	}
	for _, c := range b {
		if c != ' ' && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

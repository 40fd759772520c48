// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"time"
)

// Stamp is a moment as a log tells it.
type Stamp struct {
	At     int64 // Unix time, nanoseconds
	Second bool  // nothing below the second is told
}

// ISO reads a stamp that fills b, as MySQL writes them since 5.7:
// 2024-05-10T17:45:09.474988Z, or with an offset (log_timestamps).
func ISO(b []byte) (s Stamp, ok bool) {
	if len(b) < len("2024-05-10T17:45:09Z") || b[10] != 'T' {
		return Stamp{}, false
	}
	zone := bytes.LastIndexAny(b, "Z+-")
	offset, ok := zoneOffset(b[max(zone, 0):])
	if zone < 19 || !ok {
		return Stamp{}, false
	}
	s, ok = parse(b[:zone], dash, time.UTC)
	s.At -= int64(offset)
	return s, ok
}

func zoneOffset(b []byte) (time.Duration, bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != len("+02:00") || b[3] != ':' {
		return 0, false
	}
	h, okH := two(b[1:3])
	m, okM := two(b[4:6])
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if b[0] == '-' {
		d = -d
	}
	return d, okH && okM && h < 24 && m < 60
}

// Local reads a stamp that fills b, as MariaDB and older MySQL write them in the
// server's time zone: "240510 17:45:09" or "2024-05-10 17:45:09". The hour may have a space
// before it. Percona Server may add a fraction.
func Local(b []byte, zone *time.Location) (s Stamp, ok bool) {
	if len(b) > 4 && b[4] == '-' {
		return parse(b, dash, zone)
	}
	return parse(b, plain, zone)
}

// layout says where the parts of a stamp are.
type layout struct{ year, month, day, hour int }

var (
	dash  = layout{2, 5, 8, 11} // 2024-05-10 17:45:09
	plain = layout{0, 2, 4, 7}  // 240510 17:45:09
)

// parse reads a date and a time, HH:MM:SS[.ffffff].
func parse(b []byte, l layout, zone *time.Location) (s Stamp, ok bool) {
	if len(b) < l.hour+8 || b[l.hour+2] != ':' || b[l.hour+5] != ':' {
		return Stamp{}, false
	}
	var v [6]int
	for i, at := range [...]int{l.year, l.month, l.day, l.hour, l.hour + 3, l.hour + 6} {
		if v[i], ok = two(b[at : at+2]); !ok {
			return Stamp{}, false
		}
	}
	if v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 60 {
		return Stamp{}, false
	}
	if l == dash && (b[0] != '2' || b[1] != '0') {
		return Stamp{}, false
	}
	fraction, ok := fraction(b[l.hour+8:])
	at := time.Date(2000+v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], int(fraction), zone)
	return Stamp{At: at.UnixNano(), Second: len(b) == l.hour+8}, ok
}

// fraction reads nothing, or a point and digits.
func fraction(b []byte) (time.Duration, bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' {
		return 0, false
	}
	var padded [16]byte
	n := copy(padded[:], "0")
	n += copy(padded[n:], b)
	return Seconds(padded[:n])
}

// two reads two digits, the first of which may be a space.
func two(b []byte) (int, bool) {
	tens := b[0]
	if tens == ' ' {
		tens = '0'
	}
	if tens < '0' || tens > '9' || b[1] < '0' || b[1] > '9' {
		return 0, false
	}
	return int(tens-'0')*10 + int(b[1]-'0'), true
}

// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// finder collects what the comments of one statement say.
type finder struct {
	carrier Carrier
	found   int // different valid traceparents, up to two
	bad     bool
}

func (f *finder) result() (Carrier, Result) {
	switch {
	case f.bad:
		return Carrier{}, Malformed
	case f.found > 1:
		return Carrier{}, Ambiguous
	case f.found == 1:
		return f.carrier, Found
	}
	return Carrier{}, None
}

// comments reads text, which consists of comments, white space and semicolons.
func (f *finder) comments(text []byte, d Dialect, leads bool) {
	for pos := 0; pos < len(text); {
		next := skipBlank(text, pos, d)
		switch {
		case next == pos:
			next++ // a semicolon
		case next == pos+1:
		case text[pos] == '/':
			f.comment(text[pos+2:next-2], leads)
		default:
			f.comment(text[pos:next], leads)
		}
		pos = next
	}
}

// comment reads the key=value pairs of one comment. Values may stand in
// quotes; whatever else the comment holds is passed over.
func (f *finder) comment(body []byte, leads bool) {
	if !bytes.Contains(body, traceparentKey) {
		return
	}
	var parent, state []byte
	parents := 0
	for len(body) > 0 {
		var key, value []byte
		key, value, body = nextPair(body)
		switch string(key) {
		case "traceparent":
			if parents++; parents > 1 && !bytes.Equal(value, parent) {
				f.parent(parent, nil, leads)
			}
			parent = value
		case "tracestate":
			state = value
		}
	}
	if parents > 0 {
		f.parent(parent, state, leads)
	}
}

// nextPair returns the next key with its value, and the rest of body. A key
// without a value comes without one.
func nextPair(body []byte) (key, value, rest []byte) {
	body = bytes.TrimLeft(body, " \t\r\n\v\f,#-")
	n := bytes.IndexAny(body, " \t\r\n\v\f,='\"")
	if n < 0 {
		return nil, nil, nil
	}
	key, rest = body[:n], bytes.TrimLeft(body[n:], " \t\r\n\v\f")
	if len(rest) == 0 || rest[0] != '=' {
		if n == 0 { // a stray quote
			return nil, nil, body[1:]
		}
		return nil, nil, body[n:]
	}
	rest = bytes.TrimLeft(rest[1:], " \t\r\n\v\f")
	if len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"') {
		// sqlcommenter escapes quotes within values with a backslash.
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case rest[0]:
				return key, rest[1:i], rest[i+1:]
			}
		}
		return key, rest, nil // never ends: not a valid value
	}
	if n = bytes.IndexAny(rest, " \t\r\n\v\f,"); n < 0 {
		n = len(rest)
	}
	return key, rest[:n], rest[n:]
}

// parent takes a traceparent and the tracestate that stands with it.
func (f *finder) parent(value, state []byte, leads bool) {
	c := Carrier{Leading: leads}
	if !c.parse(value) {
		f.bad = true
		return
	}
	if validState(state) {
		c.state = state
	}
	switch have := &f.carrier; {
	case f.found == 0:
		f.carrier, f.found = c, 1
	case have.TraceID != c.TraceID || have.ParentID != c.ParentID || have.Flags != c.Flags:
		f.found = 2
	case len(have.state) == 0:
		have.state = c.state
	case len(c.state) > 0 && !bytes.Equal(have.state, c.state):
		have.state = nil // two states: neither is to be trusted
	}
}

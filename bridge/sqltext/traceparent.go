// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

const (
	parentLen    = 55  // of version 00: 00-<32 hex>-<16 hex>-<2 hex>
	maxParent    = 256 // of later versions; the specification sets no bound
	maxState     = 512 // beyond it, the specification lets us drop the state
	maxMembers   = 32
	maxStateKey  = 256
	maxStateText = 256
)

// ParseTraceparent reads a traceparent that came by itself, as the value of a
// query attribute. It is judged as those of comments are: see [FindCarrier]. An
// empty value is [None]. The carrier does not refer to value.
func ParseTraceparent(value []byte) (Carrier, Result) {
	if len(value) == 0 {
		return Carrier{}, None
	}
	var c Carrier
	if !c.parse(value) {
		return Carrier{}, Malformed
	}
	return c, Found
}

// parse reads a traceparent, which may be percent-encoded. Of versions after
// 00 it reads what they have in common
// (https://www.w3.org/TR/trace-context/#versioning-of-traceparent).
func (c *Carrier) parse(value []byte) bool {
	var buf [maxParent]byte
	n, ok := unescape(buf[:], value)
	if !ok || n < parentLen {
		return false
	}
	b := buf[:n]
	var version [1]byte
	var flags [1]byte
	if b[2] != '-' || b[35] != '-' || b[52] != '-' || !unhex(version[:], b) || !unhex(c.TraceID[:], b[3:]) ||
		!unhex(c.ParentID[:], b[36:]) || !unhex(flags[:], b[53:]) {
		return false
	}
	c.Flags = flags[0]
	switch {
	case version[0] == 0xff:
		return false
	case version[0] == 0 && n != parentLen:
		return false
	case n > parentLen && b[parentLen] != '-':
		return false
	}
	return c.TraceID != [16]byte{} && c.ParentID != [8]byte{}
}

// unhex fills dst from lower-case hexadecimal digits.
func unhex(dst, src []byte) bool {
	for i := range dst {
		hi, lo := digit(src[2*i]), digit(src[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// unescape decodes percent-encoding and sqlcommenter's backslashes into dst. A
// plus sign stays: sqlcommenter encodes a space as %20. It reports false where
// src is malformed or longer than dst.
func unescape(dst, src []byte) (n int, ok bool) {
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch c {
		case '%':
			if i+2 >= len(src) {
				return 0, false
			}
			hi, lo := digit(src[i+1]|0x20), digit(src[i+2]|0x20)
			if hi > 15 || lo > 15 {
				return 0, false
			}
			c = hi<<4 | lo
			i += 2
		case '\\':
			if i++; i == len(src) {
				return 0, false
			}
			c = src[i]
		}
		if n == len(dst) {
			return 0, false
		}
		dst[n] = c
		n++
	}
	return n, true
}

// validState reports whether value is a percent-encoded tracestate
// (https://www.w3.org/TR/trace-context-2/#tracestate-header) that holds a
// member.
func validState(value []byte) bool {
	var buf [maxState]byte
	n, ok := unescape(buf[:], value)
	if !ok {
		return false
	}
	var keys [maxMembers][]byte
	members := 0
	for rest := buf[:n]; len(rest) > 0; {
		member, after, _ := bytes.Cut(rest, []byte(","))
		rest = after
		if member = bytes.Trim(member, " \t"); len(member) == 0 {
			continue
		}
		key, text, ok := bytes.Cut(member, []byte("="))
		if !ok || members == maxMembers || !validStateKey(key) || !validStateText(text) {
			return false
		}
		for _, k := range keys[:members] {
			if bytes.Equal(k, key) {
				return false
			}
		}
		keys[members] = key
		members++
	}
	return members > 0
}

func validStateKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxStateKey {
		return false
	}
	for i, c := range key {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@'):
		default:
			return false
		}
	}
	return true
}

func validStateText(text []byte) bool {
	if len(text) == 0 || len(text) > maxStateText {
		return false
	}
	for _, c := range text {
		if c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return text[len(text)-1] != ' '
}

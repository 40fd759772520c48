// SPDX-License-Identifier: Apache-2.0

package logfile

import "github.com/spanbridge/spanbridge/bridge/sqltext"

const (
	maxTexts     = 8 << 10
	maxTextBytes = 8 << 20 // of all texts that are kept
)

// Texts makes texts that may leave the host, and keeps those that were made lately, so
// that the same text is one string. Its memory is bounded. The zero value is
// ready for use, by one goroutine.
type Texts struct {
	sanitized map[uint64]string
	bytes     int
	names     map[string]string // as logged, to what may leave the host
	buf       []byte
}

// Statement returns a statement of MySQL or MariaDB without its literals. Of a cut
// one only the beginning is known.
func (t *Texts) Statement(raw []byte, cut bool) string {
	var hash uint64
	if cut {
		t.buf, hash = sqltext.AppendSanitizedCut(t.buf[:0], raw, sqltext.MySQL)
	} else {
		t.buf, hash = sqltext.AppendSanitized(t.buf[:0], raw, sqltext.MySQL)
	}
	if known, ok := t.sanitized[hash]; ok && known == string(t.buf) {
		return known
	}
	text := string(t.buf)
	if len(t.sanitized) >= maxTexts || t.bytes+len(text) > maxTextBytes || t.sanitized == nil {
		t.sanitized, t.bytes = make(map[uint64]string), 0
	}
	t.sanitized[hash] = text
	t.bytes += len(text)
	return text
}

// Message returns a server's message without the values that it quotes.
func (t *Texts) Message(raw []byte) string {
	t.buf = sqltext.AppendSanitizedMessage(t.buf[:0], raw)
	return string(t.buf)
}

// Name returns the name of a user or a database, inert and of a bounded length.
func (t *Texts) Name(raw []byte) string {
	if known, ok := t.names[string(raw)]; ok {
		return known
	}
	t.buf = sqltext.ValidUTF8(t.buf[:0], raw)
	name := string(t.buf)
	if len(raw) > sqltext.MaxName {
		return name
	}
	if len(t.names) >= maxTexts || t.names == nil {
		t.names = make(map[string]string)
	}
	t.names[string(raw)] = name
	return name
}

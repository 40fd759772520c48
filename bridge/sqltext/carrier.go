// SPDX-License-Identifier: Apache-2.0

package sqltext

import "bytes"

// Carrier is a trace context that an application put into a comment of its
// statement, as sqlcommenter does
// (https://open-telemetry.github.io/opentelemetry-sqlcommenter/specifications).
type Carrier struct {
	TraceID  [16]byte
	ParentID [8]byte // the span of the application
	Flags    byte    // trace-flags; bit 0 is "sampled"
	Leading  bool    // the comment stands before the statement

	state []byte // tracestate as it stands in the text, valid
}

// Sampled reports whether the application's span was sampled.
func (c *Carrier) Sampled() bool { return c.Flags&1 != 0 }

// AppendState appends the tracestate to dst and returns the extended slice. It
// appends nothing where there is none or where it was not valid. It must not
// be called after the text in which the carrier was found has changed.
func (c *Carrier) AppendState(dst []byte) []byte {
	var buf [maxState]byte
	n, ok := unescape(buf[:], c.state)
	if !ok {
		return dst
	}
	return append(dst, buf[:n]...)
}

// Result says what a search for a carrier came to.
type Result uint8

const (
	// None: no comment in a place that counts has a traceparent.
	None Result = iota
	// Found: there is one valid traceparent, possibly repeated.
	Found
	// Malformed: a traceparent breaks the rules of W3C Trace Context.
	Malformed
	// Ambiguous: there are different valid ones.
	Ambiguous
)

// String returns the result as a word, for counters.
func (r Result) String() string {
	switch r {
	case Found:
		return "found"
	case Malformed:
		return "malformed"
	case Ambiguous:
		return "ambiguous"
	}
	return "none"
}

var traceparentKey = []byte("traceparent")

// FindCarrier looks for a trace context in the comments before the first and
// after the last token of text; a final semicolon may stand before or after
// them. Comments elsewhere, executable comments, hints and everything within
// quotes do not count, so that data cannot pose as a context. Only [Found]
// comes with a carrier.
//
// A traceparent must be valid by W3C Trace Context
// (https://www.w3.org/TR/trace-context/): lower case, ids not all zero, not
// version ff. The client chooses it freely: it is no proof of anything.
//
// The text is read once, and only if the word traceparent is in it. Nothing is
// allocated. The carrier refers to text.
func FindCarrier(text []byte, d Dialect) (Carrier, Result) {
	if !bytes.Contains(text, traceparentKey) {
		return Carrier{}, None
	}
	leadEnd, tailStart := outerComments(text, d)
	var f finder
	f.comments(text[:leadEnd], d, true)
	if tailStart >= leadEnd {
		f.comments(text[tailStart:], d, false)
	}
	return f.result()
}

// FindCarrierCut is [FindCarrier] for a text of which only the head and the
// tail, its last bytes, are known. The tail begins in an unknown state: of it
// count only block comments that it ends with and that lie within it.
func FindCarrierCut(head, tail []byte, d Dialect) (Carrier, Result) {
	var f finder
	if bytes.Contains(head, traceparentKey) {
		f.comments(head[:leading(head, d)], d, true)
	}
	if bytes.Contains(tail, traceparentKey) {
		f.lastBlocks(tail, d)
	}
	return f.result()
}

// leading returns the length of the white space and complete comments that
// text begins with.
func leading(text []byte, d Dialect) int {
	pos := 0
	for pos < len(text) {
		next := skipBlank(text, pos, d)
		if next == pos {
			break
		}
		pos = next
	}
	return pos
}

// skipBlank skips one white-space character or complete comment at pos, which
// it returns where there is none.
func skipBlank(text []byte, pos int, d Dialect) int {
	switch c := text[pos]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		return pos + 1
	case lineComment(text, pos, d):
		return skipLine(text, pos, d)
	case blockAt(text, pos, d) == blockPlain:
		if next, closed := skipBlock(text, pos, d); closed {
			return next
		}
	}
	return pos
}

// outerComments returns where the comments before the first token end, and
// where those after the last token begin. A text that does not end outside of
// quotes has none of the latter.
func outerComments(text []byte, d Dialect) (leadEnd, tailStart int) {
	leadEnd = leading(text, d)
	tailStart = leadEnd
	t := classesOf(d)
	code := false // within an executable comment
	escape := false
	for pos := leadEnd; pos < len(text); {
		if t[text[pos]] >= clsBlank {
			if next := skipBlank(text, pos, d); next > pos {
				pos = next
				continue
			}
		}
		if text[pos] == ';' {
			pos++
			continue
		}
		start, closed := pos, true
		pos, closed, escape = skipToken(text, start, d, escape)
		if !closed {
			return leadEnd, len(text)
		}
		if text[start] == '/' && blockAt(text, start, d) == blockCode {
			code = true
		} else if code && text[start] == '*' && pos < len(text) && text[pos] == '/' {
			code = false
			pos++
		}
		tailStart = pos
	}
	if code {
		return leadEnd, len(text)
	}
	return leadEnd, tailStart
}

// skipToken skips the token at pos, which is no white space. After escape, a
// string of PostgreSQL has backslash escapes; the last result says whether the
// next one has.
func skipToken(text []byte, pos int, d Dialect, escape bool) (next int, closed, nextEscape bool) {
	t := classesOf(d)
	switch t[text[pos]] {
	case clsWord, clsHigh, clsDigit:
		next = pos + 1
		for next < len(text) && t[text[next]] <= clsHigh {
			next++
		}
		e := d == PostgreSQL && next == pos+1 && text[pos]|0x20 == 'e' && next < len(text) && text[next] == '\''
		return next, true, e
	case clsOp, clsComma, clsDot, clsOpen, clsClose, clsParam:
		return pos + 1, true, false
	case clsString:
		next, closed, _ = skipString(text, pos, d == MySQL || escape)
		return next, closed, escape
	case clsName:
		next, closed = skipName(text, pos)
		return next, closed, false
	case clsDollar:
		if d == PostgreSQL {
			if next, closed = skipDollar(text, pos, t); next > pos {
				return next, closed, false
			}
		}
	case clsSlash:
		switch blockAt(text, pos, d) {
		case blockPlain: // one that never ends, else it were skipped
			return len(text), false, false
		case blockCode:
			return codeStart(text, pos), true, false
		case blockHint:
			next, closed = skipBlock(text, pos, d)
			return next, closed, false
		}
	}
	return pos + 1, true, false
}

// lastBlocks reads the block comments that tail ends with.
func (f *finder) lastBlocks(tail []byte, d Dialect) {
	for {
		tail = bytes.TrimRight(tail, "; \t\n\v\f\r")
		if !bytes.HasSuffix(tail, commentEnd) {
			return
		}
		start := bytes.LastIndex(tail, []byte("/*"))
		if start < 0 || start+4 > len(tail) || blockAt(tail, start, d) != blockPlain {
			return
		}
		body := tail[start+2 : len(tail)-2]
		if bytes.Contains(body, commentEnd) {
			return
		}
		f.comment(body, false)
		tail = tail[:start]
	}
}

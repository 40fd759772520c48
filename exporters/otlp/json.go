// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/hex"
	"math"
	"strconv"

	"github.com/spanbridge/spanbridge/bridge"
)

// JSONEncoder encodes batches of spans as OTLP's JSON form of an
// ExportTraceServiceRequest, on one line, without a line feed.
//
// The form is protobuf's JSON mapping with ids in hexadecimal and enumerations
// as numbers (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
//
// The zero value is ready. A JSONEncoder is used by one goroutine at a time.
type JSONEncoder struct {
	// Version is the version of the instrumentation scope.
	Version string
	// SchemaURL names the semantic conventions that attributes follow.
	SchemaURL string

	grouper
	prepared []byte
}

// Encode appends the request for batch to dst. An empty batch gives "{}".
// Neither the batch nor its strings are retained.
func (e *JSONEncoder) Encode(dst []byte, batch []bridge.Span) []byte {
	if len(batch) == 0 {
		return append(dst, "{}"...)
	}
	e.group(batch)
	dst = append(dst, `{"resourceSpans":[`...)
	for i := range e.groups {
		dst = appendComma(dst, i)
		dst = e.appendGroup(dst, &e.groups[i])
	}
	e.reset()
	return append(dst, `]}`...)
}

func (e *JSONEncoder) prepare(batch []bridge.Span) int {
	e.prepared = e.Encode(e.prepared[:0], batch)
	return len(e.prepared)
}

func (e *JSONEncoder) write(dst []byte) []byte { return append(dst, e.prepared...) }

func (e *JSONEncoder) appendGroup(b []byte, g *group) []byte {
	b = append(b, `{"resource":{`...)
	if g.resource != nil && len(g.resource.Attrs) > 0 {
		attrs := g.resource.Attrs
		if !validAttrs(attrs) {
			attrs = repairAttrs(attrs)
		}
		b = appendJSONAttrs(append(b, `"attributes":`...), attrs)
	}
	b = append(b, `},"scopeSpans":[{"scope":{"name":`...)
	b = appendJSONString(b, scopeName)
	b = appendJSONMember(b, `,"version":`, repairString(e.Version))
	b = append(b, `},"spans":[`...)
	for at := g.first; at >= 0; at = e.entries[at].next {
		if at != g.first {
			b = append(b, ',')
		}
		b = appendJSONSpan(b, e.entries[at].span)
	}
	b = append(b, ']')
	b = appendJSONMember(b, `,"schemaUrl":`, repairString(e.SchemaURL))
	b = append(b, `}]`...)
	b = appendJSONMember(b, `,"schemaUrl":`, repairString(e.SchemaURL))
	return append(b, '}')
}

func appendJSONSpan(b []byte, s *bridge.Span) []byte {
	b = append(b, `{"traceId":"`...)
	b = hex.AppendEncode(b, s.TraceID[:])
	b = append(b, `","spanId":"`...)
	b = hex.AppendEncode(b, s.SpanID[:])
	b = append(b, '"')
	b = appendJSONMember(b, `,"traceState":`, s.TraceState)
	if !s.Parent.IsZero() {
		b = append(b, `,"parentSpanId":"`...)
		b = hex.AppendEncode(b, s.Parent[:])
		b = append(b, '"')
	}
	b = append(b, `,"flags":`...)
	b = strconv.AppendUint(b, uint64(s.Flags), 10)
	b = appendJSONMember(b, `,"name":`, s.Name)
	b = append(b, `,"kind":`...)
	b = strconv.AppendUint(b, uint64(s.Kind), 10)
	b = append(b, `,"startTimeUnixNano":"`...)
	b = strconv.AppendUint(b, unixNano(s.StartNs), 10)
	b = append(b, `","endTimeUnixNano":"`...)
	b = strconv.AppendUint(b, unixNano(s.EndNs), 10)
	b = append(b, '"')
	if len(s.Attrs) > 0 {
		b = append(b, `,"attributes":`...)
		b = appendJSONAttrs(b, s.Attrs)
	}
	if len(s.Links) > 0 {
		b = append(b, `,"links":`...)
		b = appendJSONLinks(b, s.Links)
	}
	return append(appendJSONStatus(b, s), '}')
}

func appendJSONStatus(b []byte, s *bridge.Span) []byte {
	b = append(b, `,"status":{`...)
	if s.Status != 0 {
		b = append(b, `"code":`...)
		b = strconv.AppendUint(b, uint64(s.Status), 10)
		b = appendJSONMember(b, `,"message":`, s.StatusText)
	} else {
		b = appendJSONMember(b, `"message":`, s.StatusText)
	}
	return append(b, '}')
}

func appendJSONLinks(b []byte, links []bridge.Link) []byte {
	b = append(b, '[')
	for i := range links {
		l := &links[i]
		b = appendComma(b, i)
		b = append(b, `{"traceId":"`...)
		b = hex.AppendEncode(b, l.TraceID[:])
		b = append(b, `","spanId":"`...)
		b = hex.AppendEncode(b, l.SpanID[:])
		b = append(b, '"')
		b = appendJSONMember(b, `,"traceState":`, l.TraceState)
		if len(l.Attrs) > 0 {
			b = append(b, `,"attributes":`...)
			b = appendJSONAttrs(b, l.Attrs)
		}
		b = append(b, `,"flags":`...)
		b = strconv.AppendUint(b, uint64(l.Flags), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendJSONAttrs(b []byte, attrs []bridge.Attr) []byte {
	b = append(b, '[')
	for i := range attrs {
		b = appendComma(b, i)
		b = append(b, `{"key":`...)
		b = appendJSONString(b, attrs[i].Key)
		b = append(b, `,"value":{`...)
		b = appendJSONValue(b, &attrs[i])
		b = append(b, `}}`...)
	}
	return append(b, ']')
}

func appendJSONValue(b []byte, a *bridge.Attr) []byte {
	switch a.Kind() {
	case bridge.KindInt:
		b = append(b, `"intValue":"`...)
		return append(strconv.AppendInt(b, a.Int(), 10), '"')
	case bridge.KindBool:
		return strconv.AppendBool(append(b, `"boolValue":`...), a.Bool())
	case bridge.KindFloat:
		return appendJSONFloat(append(b, `"doubleValue":`...), a.Float())
	default:
		return appendJSONString(append(b, `"stringValue":`...), a.Str())
	}
}

// appendJSONFloat writes what JSON numbers cannot express as protobuf's JSON
// mapping wants it.
func appendJSONFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func appendComma(b []byte, i int) []byte {
	if i == 0 {
		return b
	}
	return append(b, ',')
}

// appendJSONMember appends a member of an object, or nothing if s is empty.
func appendJSONMember(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendJSONString(append(b, name...), s)
}

const hexDigits = "0123456789abcdef"

// appendJSONString quotes s, which must be valid UTF-8. The line separators
// U+2028 and U+2029 are escaped too: some readers of JSON lines break there.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0 // start of what needs no escape
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\' || c == 0x7f:
			b = appendJSONEscape(append(b, s[plain:i]...), c)
			plain = i + 1
		case c == 0xe2 && (s[i:i+3] == "\u2028" || s[i:i+3] == "\u2029"):
			b = append(append(b, s[plain:i]...), `\u202`...)
			b = append(b, hexDigits[s[i+2]&0xf])
			i += 2
			plain = i + 1
		}
	}
	return append(append(b, s[plain:]...), '"')
}

func appendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

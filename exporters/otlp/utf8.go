// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/bridge"
)

// A protobuf string must be valid UTF-8: a strict receiver refuses the whole
// request for one that is not. Spans are expected to comply, so the check is
// separate from the repair and allocates nothing.

const replacement = "\uFFFD"

func validSpan(s *bridge.Span) bool {
	if !utf8.ValidString(s.Name) || !utf8.ValidString(s.TraceState) || !utf8.ValidString(s.StatusText) {
		return false
	}
	for i := range s.Links {
		if !utf8.ValidString(s.Links[i].TraceState) || !validAttrs(s.Links[i].Attrs) {
			return false
		}
	}
	return validAttrs(s.Attrs)
}

func validAttrs(attrs []bridge.Attr) bool {
	for i := range attrs {
		if !utf8.ValidString(attrs[i].Key) || !utf8.ValidString(attrs[i].Str()) {
			return false
		}
	}
	return true
}

func repairString(s string) string { return strings.ToValidUTF8(s, replacement) }

// repairSpan returns a copy whose strings are all valid.
func repairSpan(s *bridge.Span) *bridge.Span {
	repaired := *s
	repaired.Name = repairString(s.Name)
	repaired.TraceState = repairString(s.TraceState)
	repaired.StatusText = repairString(s.StatusText)
	repaired.Attrs = repairAttrs(s.Attrs)
	repaired.Links = make([]bridge.Link, len(s.Links))
	for i, link := range s.Links {
		link.TraceState = repairString(link.TraceState)
		link.Attrs = repairAttrs(link.Attrs)
		repaired.Links[i] = link
	}
	return &repaired
}

func repairAttrs(attrs []bridge.Attr) []bridge.Attr {
	repaired := make([]bridge.Attr, len(attrs))
	for i, attr := range attrs {
		key := repairString(attr.Key)
		if attr.Kind() == bridge.KindString {
			attr = bridge.String(key, repairString(attr.Str()))
		}
		attr.Key = key
		repaired[i] = attr
	}
	return repaired
}

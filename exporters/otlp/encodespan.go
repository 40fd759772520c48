// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/spanbridge/spanbridge/bridge"
)

// Field tags: field number and wire type in one byte, for fields up to 15.
// The numbers are those of
// https://github.com/open-telemetry/opentelemetry-proto/tree/v1.11.0/opentelemetry/proto.
const (
	tagRequestResourceSpans = 1<<3 | byte(protowire.BytesType)

	tagResourceSpansResource   = 1<<3 | byte(protowire.BytesType)
	tagResourceSpansScopeSpans = 2<<3 | byte(protowire.BytesType)
	tagResourceAttributes      = 1<<3 | byte(protowire.BytesType)

	tagScopeSpansScope = 1<<3 | byte(protowire.BytesType)
	tagScopeSpansSpan  = 2<<3 | byte(protowire.BytesType)
	tagSchemaURL       = 3<<3 | byte(protowire.BytesType) // of ScopeSpans and ResourceSpans
	tagScopeName       = 1<<3 | byte(protowire.BytesType)
	tagScopeVersion    = 2<<3 | byte(protowire.BytesType)

	tagSpanTraceID    = 1<<3 | byte(protowire.BytesType)
	tagSpanSpanID     = 2<<3 | byte(protowire.BytesType)
	tagSpanTraceState = 3<<3 | byte(protowire.BytesType)
	tagSpanParent     = 4<<3 | byte(protowire.BytesType)
	tagSpanName       = 5<<3 | byte(protowire.BytesType)
	tagSpanKind       = 6<<3 | byte(protowire.VarintType)
	tagSpanStart      = 7<<3 | byte(protowire.Fixed64Type)
	tagSpanEnd        = 8<<3 | byte(protowire.Fixed64Type)
	tagSpanAttributes = 9<<3 | byte(protowire.BytesType)
	tagSpanLinks      = 13<<3 | byte(protowire.BytesType)
	tagSpanStatus     = 15<<3 | byte(protowire.BytesType)
	tagSpanFlags      = 16<<3 | uint64(protowire.Fixed32Type) // two bytes

	tagLinkTraceID    = 1<<3 | byte(protowire.BytesType)
	tagLinkSpanID     = 2<<3 | byte(protowire.BytesType)
	tagLinkTraceState = 3<<3 | byte(protowire.BytesType)
	tagLinkAttributes = 4<<3 | byte(protowire.BytesType)
	tagLinkFlags      = 6<<3 | byte(protowire.Fixed32Type)

	tagStatusMessage = 2<<3 | byte(protowire.BytesType)
	tagStatusCode    = 3<<3 | byte(protowire.VarintType)

	tagKeyValueKey   = 1<<3 | byte(protowire.BytesType)
	tagKeyValueValue = 2<<3 | byte(protowire.BytesType)

	tagAnyString = 1<<3 | byte(protowire.BytesType)
	tagAnyBool   = 2<<3 | byte(protowire.VarintType)
	tagAnyInt    = 3<<3 | byte(protowire.VarintType)
	tagAnyDouble = 4<<3 | byte(protowire.Fixed64Type)
)

// Sizes of fields that have only one, tag and length included.
const (
	sizeTraceID   = 2 + 16
	sizeSpanID    = 2 + 8
	sizeFixed64   = 1 + 8
	sizeLinkFlags = 1 + 4
	sizeSpanFlags = 2 + 4
	sizeIDAndTime = sizeTraceID + sizeSpanID + 2*sizeFixed64
)

func spanSize(s *bridge.Span) int {
	size := sizeIDAndTime + sizeSpanFlags
	size += stringSize(s.TraceState) + stringSize(s.Name)
	if !s.Parent.IsZero() {
		size += sizeSpanID
	}
	size += enumSize(uint8(s.Kind))
	size += attrsSize(s.Attrs)
	for i := range s.Links {
		size += 1 + protowire.SizeBytes(linkSize(&s.Links[i]))
	}
	return size + 1 + protowire.SizeBytes(statusSize(s))
}

func appendSpan(b []byte, s *bridge.Span) []byte {
	b = append(b, tagSpanTraceID, byte(len(s.TraceID)))
	b = append(b, s.TraceID[:]...)
	b = append(b, tagSpanSpanID, byte(len(s.SpanID)))
	b = append(b, s.SpanID[:]...)
	b = appendString(b, tagSpanTraceState, s.TraceState)
	if !s.Parent.IsZero() {
		b = append(b, tagSpanParent, byte(len(s.Parent)))
		b = append(b, s.Parent[:]...)
	}
	b = appendString(b, tagSpanName, s.Name)
	b = appendEnum(b, tagSpanKind, uint8(s.Kind))
	b = binary.LittleEndian.AppendUint64(append(b, tagSpanStart), unixNano(s.StartNs))
	b = binary.LittleEndian.AppendUint64(append(b, tagSpanEnd), unixNano(s.EndNs))
	b = appendAttrs(b, tagSpanAttributes, s.Attrs)
	for i := range s.Links {
		b = appendLength(b, tagSpanLinks, linkSize(&s.Links[i]))
		b = appendLink(b, &s.Links[i])
	}
	b = appendLength(b, tagSpanStatus, statusSize(s))
	b = appendStatus(b, s)
	b = protowire.AppendVarint(b, tagSpanFlags)
	return binary.LittleEndian.AppendUint32(b, s.Flags)
}

// unixNano clamps times before 1970, which OTLP cannot express.
func unixNano(ns int64) uint64 { return uint64(max(0, ns)) }

func statusSize(s *bridge.Span) int {
	return stringSize(s.StatusText) + enumSize(uint8(s.Status))
}

func appendStatus(b []byte, s *bridge.Span) []byte {
	b = appendString(b, tagStatusMessage, s.StatusText)
	return appendEnum(b, tagStatusCode, uint8(s.Status))
}

func linkSize(l *bridge.Link) int {
	return sizeTraceID + sizeSpanID + stringSize(l.TraceState) + attrsSize(l.Attrs) + sizeLinkFlags
}

func appendLink(b []byte, l *bridge.Link) []byte {
	b = append(b, tagLinkTraceID, byte(len(l.TraceID)))
	b = append(b, l.TraceID[:]...)
	b = append(b, tagLinkSpanID, byte(len(l.SpanID)))
	b = append(b, l.SpanID[:]...)
	b = appendString(b, tagLinkTraceState, l.TraceState)
	b = appendAttrs(b, tagLinkAttributes, l.Attrs)
	return binary.LittleEndian.AppendUint32(append(b, tagLinkFlags), l.Flags)
}

func attrsSize(attrs []bridge.Attr) int {
	size := 0
	for i := range attrs {
		size += 1 + protowire.SizeBytes(attrSize(&attrs[i], valueSize(&attrs[i])))
	}
	return size
}

func attrSize(a *bridge.Attr, value int) int {
	return stringSize(a.Key) + 1 + protowire.SizeBytes(value)
}

// valueSize is the size of the AnyValue message. The field is always there,
// even for "", 0 and false: it is part of a oneof.
func valueSize(a *bridge.Attr) int {
	switch a.Kind() {
	case bridge.KindInt:
		return 1 + protowire.SizeVarint(uint64(a.Int()))
	case bridge.KindBool:
		return 1 + 1
	case bridge.KindFloat:
		return sizeFixed64
	default:
		return 1 + protowire.SizeBytes(len(a.Str()))
	}
}

func appendAttrs(b []byte, tag byte, attrs []bridge.Attr) []byte {
	for i := range attrs {
		a := &attrs[i]
		value := valueSize(a)
		b = appendLength(b, tag, attrSize(a, value))
		b = appendString(b, tagKeyValueKey, a.Key)
		b = appendLength(b, tagKeyValueValue, value)
		b = appendValue(b, a)
	}
	return b
}

func appendValue(b []byte, a *bridge.Attr) []byte {
	switch a.Kind() {
	case bridge.KindInt:
		return protowire.AppendVarint(append(b, tagAnyInt), uint64(a.Int()))
	case bridge.KindBool:
		return protowire.AppendVarint(append(b, tagAnyBool), protowire.EncodeBool(a.Bool()))
	case bridge.KindFloat:
		return binary.LittleEndian.AppendUint64(append(b, tagAnyDouble), math.Float64bits(a.Float()))
	default:
		return protowire.AppendString(append(b, tagAnyString), a.Str())
	}
}

// stringSize is the size of a string field, which is left out when empty.
func stringSize(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func appendString(b []byte, tag byte, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(append(b, tag), s)
}

// enumSize is the size of an enumeration's field, which is left out when zero.
func enumSize(n uint8) int {
	if n == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(uint64(n))
}

func appendEnum(b []byte, tag byte, n uint8) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, tag), uint64(n))
}

// appendLength starts a message field of that size.
func appendLength(b []byte, tag byte, size int) []byte {
	return protowire.AppendVarint(append(b, tag), uint64(size))
}

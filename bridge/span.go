// SPDX-License-Identifier: Apache-2.0

package bridge

// TraceID is a W3C trace id. The zero value is invalid.
type TraceID [16]byte

// SpanID is a W3C parent id. The zero value is invalid and means "no parent".
type SpanID [8]byte

// IsZero reports whether the id is the invalid all-zero one.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether the id is the invalid all-zero one.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// Kind is a span kind with the numbers of OTLP's Span.SpanKind.
type Kind uint8

// Span kinds. Server-side operations are KindServer, their phases KindInternal.
const (
	KindInternal Kind = 1
	KindServer   Kind = 2
	KindClient   Kind = 3
)

// StatusCode is a span status with the numbers of OTLP's Status.StatusCode.
type StatusCode uint8

// Status codes. A server-side span of a successful operation stays StatusUnset.
const (
	StatusUnset StatusCode = 0
	StatusError StatusCode = 2
)

// Bits of [Span.Flags] and [Link.Flags], as OTLP's SpanFlags: the low byte holds
// the W3C trace flags.
const (
	FlagSampled         uint32 = 0x001
	FlagHasIsRemote     uint32 = 0x100
	FlagIsRemote        uint32 = 0x200
	flagRemoteParent           = FlagHasIsRemote | FlagIsRemote
	flagLocalOrNoParent        = FlagHasIsRemote
)

// Span is one finished operation, laid out for encoding without conversion.
//
// A span is a value in a batch. Its slices and strings are valid until the
// exporter that was handed the batch returns; an exporter must not retain them.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	Parent     SpanID // zero for a root span
	Flags      uint32 // OTLP span flags
	TraceState string // W3C tracestate, empty if there is none
	Name       string
	Kind       Kind
	StartNs    int64 // Unix time, nanoseconds
	EndNs      int64 // Unix time, nanoseconds; never before StartNs
	Attrs      []Attr
	Links      []Link
	Status     StatusCode
	StatusText string // only with StatusError
	Resource   *Resource
}

// Link is a causal relation to a span of another trace.
type Link struct {
	TraceID    TraceID
	SpanID     SpanID
	TraceState string
	Flags      uint32
	Attrs      []Attr
}

// Resource describes the process that a span comes from. It is immutable once
// a span refers to it; exporters may cache what they encode by its address.
type Resource struct {
	Attrs []Attr
}

// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Span is a span as a backend gives it back.
type Span struct {
	TraceID  string // 32 hexadecimal digits
	SpanID   string // 16 hexadecimal digits
	ParentID string // 16 hexadecimal digits, "" for a root span
	Name     string
	Kind     int // SpanKind of OTLP: 1 internal, 2 server, 3 client
	Start    time.Time
	End      time.Time
	Status   int    // StatusCode of OTLP: 0 unset, 1 ok, 2 error
	Message  string // of the status

	Attributes map[string]any // string, bool, int64, float64
	Resource   map[string]any
	Links      []Link
}

// Link is a link of a span.
type Link struct{ TraceID, SpanID string }

// The parts of OTLP/JSON that are read here. Identifiers are hexadecimal and
// 64-bit integers are strings.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
type (
	otlpTraces struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []otlpAttribute }
			ScopeSpans []struct{ Spans []otlpSpan }
		}
	}
	otlpSpan struct {
		TraceID           string
		SpanID            string
		ParentSpanID      string
		Name              string
		Kind              int
		StartTimeUnixNano string
		EndTimeUnixNano   string
		Attributes        []otlpAttribute
		Links             []Link
		Status            struct {
			Code    int
			Message string
		}
	}
	otlpAttribute struct {
		Key   string
		Value struct {
			StringValue *string
			BoolValue   *bool
			IntValue    *json.Number
			DoubleValue *float64
		}
	}
)

// ParseSpans reads the spans of an OTLP JSON file: a request a line, requests of
// other signals left out.
func ParseSpans(b []byte) ([]Span, error) {
	var all []Span
	for i, line := range bytes.Split(b, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var t otlpTraces
		if err := json.Unmarshal(line, &t); err != nil {
			return all, fmt.Errorf("decode line %d: %w", i+1, err)
		}
		spans, err := t.spans()
		if err != nil {
			return all, fmt.Errorf("decode line %d: %w", i+1, err)
		}
		all = append(all, spans...)
	}
	return all, nil
}

func (t *otlpTraces) spans() ([]Span, error) {
	var out []Span
	for _, r := range t.ResourceSpans {
		resource, err := attributes(r.Resource.Attributes)
		if err != nil {
			return nil, err
		}
		for _, scope := range r.ScopeSpans {
			for i := range scope.Spans {
				s, err := scope.Spans[i].span()
				if err != nil {
					return nil, err
				}
				s.Resource = resource
				out = append(out, s)
			}
		}
	}
	return out, nil
}

func (o *otlpSpan) span() (Span, error) {
	s := Span{
		TraceID: o.TraceID, SpanID: o.SpanID, ParentID: o.ParentSpanID,
		Name: o.Name, Kind: o.Kind, Status: o.Status.Code, Message: o.Status.Message, Links: o.Links,
	}
	var err error
	if s.Start, err = unixNano(o.StartTimeUnixNano); err != nil {
		return s, fmt.Errorf("decode start of span %s: %w", s.SpanID, err)
	}
	if s.End, err = unixNano(o.EndTimeUnixNano); err != nil {
		return s, fmt.Errorf("decode end of span %s: %w", s.SpanID, err)
	}
	s.Attributes, err = attributes(o.Attributes)
	return s, err
}

func unixNano(s string) (time.Time, error) {
	ns, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(0, ns).UTC(), err
}

func attributes(in []otlpAttribute) (map[string]any, error) {
	out := make(map[string]any, len(in))
	for _, a := range in {
		switch v := a.Value; {
		case v.StringValue != nil:
			out[a.Key] = *v.StringValue
		case v.BoolValue != nil:
			out[a.Key] = *v.BoolValue
		case v.IntValue != nil:
			n, err := v.IntValue.Int64()
			if err != nil {
				return nil, fmt.Errorf("decode attribute %s: %w", a.Key, err)
			}
			out[a.Key] = n
		case v.DoubleValue != nil:
			out[a.Key] = *v.DoubleValue
		}
	}
	return out, nil
}

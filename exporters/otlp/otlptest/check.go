// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"bytes"
	"errors"
	"fmt"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// check applies what the protocol demands beyond its types
// (https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto).
func check(request *coltracepb.ExportTraceServiceRequest) error {
	var faults []error
	for _, rs := range request.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, span := range ss.GetSpans() {
				faults = append(faults, checkSpan(span))
			}
		}
	}
	return errors.Join(faults...)
}

func checkSpan(span *tracepb.Span) error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("span %x %q: %s", span.GetSpanId(), span.GetName(), fmt.Sprintf(format, args...)))
	}
	if !isID(span.GetTraceId(), 16) {
		fault("bad trace id %x", span.GetTraceId())
	}
	if !isID(span.GetSpanId(), 8) {
		fault("bad span id")
	}
	if parent := span.GetParentSpanId(); len(parent) != 0 && !isID(parent, 8) {
		fault("bad parent span id %x", parent)
	}
	if span.GetName() == "" {
		fault("empty name")
	}
	if span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano() {
		fault("ends before it starts")
	}
	for _, link := range span.GetLinks() {
		if !isID(link.GetTraceId(), 16) || !isID(link.GetSpanId(), 8) {
			fault("link with a bad id")
		}
	}
	keys := make(map[string]bool)
	for _, attr := range span.GetAttributes() {
		if key := attr.GetKey(); key == "" || keys[key] {
			fault("attribute key %q is empty or given twice", key)
		}
		keys[attr.GetKey()] = true
	}
	return errors.Join(faults...)
}

func isID(id []byte, size int) bool {
	return len(id) == size && !bytes.Equal(id, make([]byte, size))
}

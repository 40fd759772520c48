// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// The types below are ExportLogsServiceRequest in OTLP's JSON encoding: lower camel
// case, 64-bit integers as decimal strings, enumerations as numbers, ids in
// hexadecimal (opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
type (
	jsonRequest struct {
		ResourceLogs []jsonResourceLogs `json:"resourceLogs"`
	}
	jsonResourceLogs struct {
		Resource  jsonResource    `json:"resource"`
		ScopeLogs []jsonScopeLogs `json:"scopeLogs"`
	}
	jsonResource struct {
		Attributes []jsonKeyValue `json:"attributes,omitempty"`
	}
	jsonScopeLogs struct {
		Scope      jsonScope    `json:"scope"`
		LogRecords []jsonRecord `json:"logRecords"`
	}
	jsonScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	jsonRecord struct {
		TimeUnixNano         string         `json:"timeUnixNano"`
		ObservedTimeUnixNano string         `json:"observedTimeUnixNano"`
		SeverityNumber       int            `json:"severityNumber"`
		SeverityText         string         `json:"severityText"`
		Body                 jsonValue      `json:"body"`
		Attributes           []jsonKeyValue `json:"attributes,omitempty"`
		Flags                uint32         `json:"flags,omitempty"`
		TraceID              string         `json:"traceId"`
		SpanID               string         `json:"spanId"`
		EventName            string         `json:"eventName"`
	}
	jsonKeyValue struct {
		Key   string    `json:"key"`
		Value jsonValue `json:"value"`
	}
	jsonValue struct {
		String *string  `json:"stringValue,omitempty"`
		Bool   *bool    `json:"boolValue,omitempty"`
		Int    *string  `json:"intValue,omitempty"`
		Double *float64 `json:"doubleValue,omitempty"`
	}
)

// severityWarn is OTLP's SEVERITY_NUMBER_WARN.
const severityWarn = 13

// EncodeJSON returns the batch as one ExportLogsServiceRequest, without a newline.
func EncodeJSON(batch []bridge.Running, version string) ([]byte, error) {
	var request jsonRequest
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	for i := range batch {
		span, sentence := &batch[i].Span, batch[i].Sentence()
		record := jsonRecord{
			TimeUnixNano: strconv.FormatInt(span.EndNs, 10), ObservedTimeUnixNano: now,
			SeverityNumber: severityWarn, SeverityText: severityText, EventName: EventName,
			Body: jsonValue{String: &sentence}, Attributes: jsonAttributes(span.Attrs), Flags: span.Flags & 0xff,
			TraceID: hex.EncodeToString(span.TraceID[:]), SpanID: hex.EncodeToString(span.SpanID[:]),
		}
		request.ResourceLogs = append(request.ResourceLogs, jsonResourceLogs{
			Resource:  jsonResource{Attributes: jsonAttributes(span.Resource.Attrs)},
			ScopeLogs: []jsonScopeLogs{{Scope: jsonScope{Name: scopeName, Version: version}, LogRecords: []jsonRecord{record}}},
		})
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode logs as JSON: %w", err)
	}
	return line, nil
}

func jsonAttributes(list []bridge.Attr) (all []jsonKeyValue) {
	for _, a := range list {
		all = append(all, jsonKeyValue{a.Key, jsonValueOf(a)})
	}
	return all
}

func jsonValueOf(a bridge.Attr) (v jsonValue) {
	switch a.Kind() {
	case bridge.KindInt:
		n := strconv.FormatInt(a.Int(), 10)
		v.Int = &n
	case bridge.KindBool:
		b := a.Bool()
		v.Bool = &b
	case bridge.KindFloat:
		f := a.Float()
		v.Double = &f
	default:
		s := a.Str()
		v.String = &s
	}
	return v
}

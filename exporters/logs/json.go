// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlpjson"
)

// The types below are ExportLogsServiceRequest in OTLP's JSON encoding, in which
// enumerations are numbers and ids hexadecimal.
type (
	jsonRequest struct {
		ResourceLogs []jsonResourceLogs `json:"resourceLogs"`
	}
	jsonResourceLogs struct {
		Resource  otlpjson.Resource `json:"resource"`
		ScopeLogs []jsonScopeLogs   `json:"scopeLogs"`
	}
	jsonScopeLogs struct {
		Scope      otlpjson.Scope `json:"scope"`
		LogRecords []jsonRecord   `json:"logRecords"`
	}
	jsonRecord struct {
		TimeUnixNano         string              `json:"timeUnixNano"`
		ObservedTimeUnixNano string              `json:"observedTimeUnixNano"`
		SeverityNumber       int                 `json:"severityNumber"`
		SeverityText         string              `json:"severityText"`
		Body                 otlpjson.Value      `json:"body"`
		Attributes           []otlpjson.KeyValue `json:"attributes,omitempty"`
		Flags                uint32              `json:"flags,omitempty"`
		TraceID              string              `json:"traceId"`
		SpanID               string              `json:"spanId"`
		EventName            string              `json:"eventName"`
	}
)

// severityWarn is OTLP's SEVERITY_NUMBER_WARN.
const severityWarn = 13

// EncodeJSON returns the batch as one ExportLogsServiceRequest, without a newline.
func EncodeJSON(batch []bridge.Running, version string) ([]byte, error) {
	var request jsonRequest
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	for i := range batch {
		span := &batch[i].Span
		record := jsonRecord{
			TimeUnixNano: strconv.FormatInt(span.EndNs, 10), ObservedTimeUnixNano: now,
			SeverityNumber: severityWarn, SeverityText: severityText, EventName: EventName,
			Body: otlpjson.String(batch[i].Sentence()), Attributes: jsonAttributes(span.Attrs), Flags: span.Flags & 0xff,
			TraceID: hex.EncodeToString(span.TraceID[:]), SpanID: hex.EncodeToString(span.SpanID[:]),
		}
		request.ResourceLogs = append(request.ResourceLogs, jsonResourceLogs{
			Resource:  otlpjson.Resource{Attributes: jsonAttributes(span.Resource.Attrs)},
			ScopeLogs: []jsonScopeLogs{{Scope: otlpjson.Scope{Name: scopeName, Version: version}, LogRecords: []jsonRecord{record}}},
		})
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode logs as JSON: %w", err)
	}
	return line, nil
}

func jsonAttributes(list []bridge.Attr) (all []otlpjson.KeyValue) {
	for _, a := range list {
		all = append(all, otlpjson.KeyValue{Key: a.Key, Value: jsonValueOf(a)})
	}
	return all
}

func jsonValueOf(a bridge.Attr) otlpjson.Value {
	switch a.Kind() {
	case bridge.KindInt:
		return otlpjson.Int(a.Int())
	case bridge.KindBool:
		return otlpjson.Bool(a.Bool())
	case bridge.KindFloat:
		return otlpjson.Double(a.Float())
	default:
		return otlpjson.String(a.Str())
	}
}

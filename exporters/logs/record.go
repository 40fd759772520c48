// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/spanbridge/spanbridge/bridge"
)

const (
	// EventName is the event that a record tells of.
	EventName = "spanbridge.operation.running"

	scopeName    = "github.com/spanbridge/spanbridge"
	severityText = "WARN"
)

// recordOf makes a log record of an operation that runs. The SDK takes trace and
// span id from the context.
func recordOf(one *bridge.Running) (r log.Record) {
	r.SetTimestamp(time.Unix(0, one.Span.EndNs))
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(log.SeverityWarn)
	r.SetSeverityText(severityText)
	r.SetEventName(EventName)
	r.SetBody(attribute.StringValue(one.Sentence()))
	r.AddAttributes(attributesOf(one.Span.Attrs)...)
	return r
}

func attributesOf(list []bridge.Attr) []attribute.KeyValue {
	all := make([]attribute.KeyValue, len(list))
	for i, a := range list {
		all[i] = attribute.KeyValue{Key: attribute.Key(a.Key), Value: valueOf(a)}
	}
	return all
}

func valueOf(a bridge.Attr) attribute.Value {
	switch a.Kind() {
	case bridge.KindInt:
		return attribute.Int64Value(a.Int())
	case bridge.KindBool:
		return attribute.BoolValue(a.Bool())
	case bridge.KindFloat:
		return attribute.Float64Value(a.Float())
	}
	return attribute.StringValue(a.Str())
}

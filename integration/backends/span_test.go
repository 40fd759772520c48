// SPDX-License-Identifier: Apache-2.0

package backends_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/integration/backends"
)

const line = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},` +
	`"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",` +
	`"parentSpanId":"00f067aa0ba902b7","name":"SELECT t","kind":2,"startTimeUnixNano":"1700000000000000001",` +
	`"endTimeUnixNano":"1700000000000000500","attributes":[{"key":"n","value":{"intValue":"42"}},` +
	`{"key":"ok","value":{"boolValue":true}},{"key":"f","value":{"doubleValue":1.5}}],` +
	`"links":[{"traceId":"aa","spanId":"bb"}],"status":{"code":2}}]}]}]}`

func TestParseSpansReadsEveryField(t *testing.T) {
	got, err := backends.ParseSpans([]byte(line + "\n" + `{"resourceMetrics":[]}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []backends.Span{{
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331",
		ParentID: "00f067aa0ba902b7", Name: "SELECT t", Kind: 2, Status: 2,
		Start:      time.Unix(1700000000, 1).UTC(),
		End:        time.Unix(1700000000, 500).UTC(),
		Attributes: map[string]any{"n": int64(42), "ok": true, "f": 1.5},
		Resource:   map[string]any{"service.name": "shop"},
		Links:      []backends.Link{{TraceID: "aa", SpanID: "bb"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans differ (-want +got):\n%s", diff)
	}
}

func TestParseSpansRefusesBrokenLines(t *testing.T) {
	for name, in := range map[string]string{
		"a line cut short":          line[:80],
		"a time that is no number":  `{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"x","endTimeUnixNano":"1"}]}]}]}`,
		"an integer out of a range": `{"resourceSpans":[{"resource":{"attributes":[{"key":"n","value":{"intValue":"99999999999999999999"}}]}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := backends.ParseSpans([]byte(in)); err == nil {
				t.Error("no error")
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLinesComeOnChangesOnlyAndNotTooOften(t *testing.T) {
	told := new(lines)
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	n := &notifier{endpoint: "E", logf: told.logf, now: func() time.Time { return now }}
	refused := errors.New("dial tcp: connection refused")
	n.up()
	for range 100 {
		n.down(refused)
		now = now.Add(time.Second)
	}
	n.up()
	n.up()
	for range 10 { // back and forth
		n.down(refused)
		n.up()
		now = now.Add(300 * time.Millisecond)
	}
	n.refused(5, errors.New("HTTP status 401 Unauthorized"))
	n.refused(7, errors.New("HTTP status 401 Unauthorized"))
	now = now.Add(complaintInterval)
	n.refused(8, errors.New("HTTP status 401 Unauthorized"))
	n.queueFull(3)
	n.answered(2, "no\nroom")
	want := []string{
		"cannot deliver to collector at E: dial tcp: connection refused (is it running? set OTEL_EXPORTER_OTLP_ENDPOINT); retrying",
		"collector at E is back after 1m40s",
		"cannot deliver to collector at E: dial tcp: connection refused (is it running? set OTEL_EXPORTER_OTLP_ENDPOINT); retrying",
		"collector at E is back after 0s",
		"collector at E refuses spans, 5 dropped: HTTP status 401 Unauthorized (check OTEL_EXPORTER_OTLP_HEADERS)",
		"collector at E refuses spans, 15 dropped: HTTP status 401 Unauthorized (check OTEL_EXPORTER_OTLP_HEADERS)",
		"queue for collector at E is full, 3 spans dropped",
		"collector at E rejected 2 spans of accepted requests: no room",
	}
	if diff := cmp.Diff(want, told.all()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// An outage that began while lines were held back is told once it lasts.
func TestOutageThatLastsIsToldInTheEnd(t *testing.T) {
	told := new(lines)
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	n := &notifier{endpoint: "E", logf: told.logf, now: func() time.Time { return now }}
	for i := range 2 {
		n.down(fmt.Errorf("outage %d", i))
		n.up()
	}
	n.down(errors.New("outage 2"))
	now = now.Add(changeInterval)
	n.down(errors.New("outage 2"))
	if told.count("outage 0") != 1 || told.count("outage 1") != 0 || told.count("outage 2") != 1 {
		t.Errorf("lines: %q", told.all())
	}
}

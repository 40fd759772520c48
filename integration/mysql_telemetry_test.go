// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

// telemetryField is an attribute of the spans of MySQL's component_telemetry,
// and what a span of ours has of it.
type telemetryField struct {
	name string
	ours string // where it is, for the documentation; "" if it is nowhere
	note string // how it differs, or why it is nowhere
	// tell makes both comparable; nil: there is nothing to compare.
	tell func(theirs telemetrySpan, ours otlpSpan) (want, got string)
}

// telemetrySpan is a span of the component.
type telemetrySpan struct {
	attrs map[string]string
	start time.Time
	took  time.Duration
	trace string
	up    string // the parent's id
}

const countersCost = "a counter of Performance Schema; each would cost the server a read for every statement"

// telemetryFields are all attributes that the component of MySQL 9.7 gives to
// statements.
var telemetryFields = []telemetryField{
	{name: "mysql.event_name", note: "`db.query.summary` begins with the statement's verb"},
	{name: "mysql.sql_text", ours: "`db.query.text`", note: "with `--raw-text`, and then with the arguments of binary executions; without it sanitised",
		tell: func(theirs telemetrySpan, ours otlpSpan) (want, got string) {
			if want, got = theirs.attrs["mysql.sql_text"], ours.text(); ours.word("spanbridge.command") == "Execute" {
				want, got = sanitized(want), sanitized(got)
			}
			if theirs.attrs["mysql.sql_errno"] == strconv.Itoa(queryTimeout) {
				want = got // the component has none
			}
			return want, got
		}},
	{name: "mysql.digest_text", note: "`db.query.text` is the statement without its literals, sanitised by rules of spanbridge"},
	{name: "mysql.current_schema", ours: "`db.namespace`", tell: sameWord("mysql.current_schema", "db.namespace")},
	{name: "mysql.sql_errno", ours: "`db.response.status_code`", note: "absent instead of 0",
		tell: sameWord("mysql.sql_errno", "db.response.status_code")},
	{name: "mysql.sqlstate", ours: "`spanbridge.sqlstate`", note: "only of failures",
		tell: sameWord("mysql.sqlstate", "spanbridge.sqlstate")},
	{name: "mysql.message_text", ours: "the status's message", note: "only of failures; sanitised without `--raw-text`, and then none of `SIGNAL`",
		tell: func(theirs telemetrySpan, ours otlpSpan) (want, got string) {
			if want = theirs.attrs["mysql.message_text"]; theirs.attrs["mysql.sql_errno"] == "0" {
				want = "" // what became of how many rows, for people
			}
			return want, ours.Status.Message
		}},
	{name: "mysql.error_count", ours: "the status", note: "error or unset",
		tell: func(theirs telemetrySpan, ours otlpSpan) (want, got string) {
			return theirs.attrs["mysql.error_count"], strconv.Itoa(ours.Status.Code / statusError)
		}},
	{name: "mysql.rows_affected", ours: "`spanbridge.rows.affected`", note: "absent instead of 0",
		tell: sameNumber("mysql.rows_affected", "spanbridge.rows.affected")},
	{name: "mysql.rows_sent", ours: "`spanbridge.rows.sent`", tell: sameNumber("mysql.rows_sent", "spanbridge.rows.sent")},
	{name: "mysql.rows_examined", ours: "`spanbridge.rows.examined`", tell: sameNumber("mysql.rows_examined", "spanbridge.rows.examined")},
	{name: "mysql.warning_count", note: "not captured: the server computes it of three counters"},
	{name: "mysql.lock_time", note: "the wait for a lock is a span of its own, with its kind"},
	{name: "mysql.cpu_time", note: "not captured: the THD does not hold it"},
	{name: "mysql.max_controlled_memory", note: "not captured: of Performance Schema's account of memory"},
	{name: "mysql.max_total_memory", note: "the same"},
	{name: "mysql.created_tmp_disk_tables", note: countersCost},
	{name: "mysql.created_tmp_tables", note: countersCost},
	{name: "mysql.select_full_join", note: countersCost},
	{name: "mysql.select_full_range_join", note: countersCost},
	{name: "mysql.select_range", note: countersCost},
	{name: "mysql.select_range_check", note: countersCost},
	{name: "mysql.select_scan", note: countersCost},
	{name: "mysql.sort_merge_passes", note: countersCost},
	{name: "mysql.sort_range", note: countersCost},
	{name: "mysql.sort_rows", note: countersCost},
	{name: "mysql.sort_scan", note: "the sort is a span of its own, `filesort`"},
	{name: "mysql.no_index_used", note: countersCost},
	{name: "mysql.no_good_index_used", note: countersCost},
}

// sameWord compares texts; 0 and 00000 mean that there is none.
func sameWord(theirs, ours string) func(telemetrySpan, otlpSpan) (want, got string) {
	return func(t telemetrySpan, o otlpSpan) (want, got string) {
		if want = t.attrs[theirs]; strings.Trim(want, "0") == "" {
			want = ""
		}
		return want, o.word(ours)
	}
}

func sameNumber(theirs, ours string) func(telemetrySpan, otlpSpan) (want, got string) {
	return func(t telemetrySpan, o otlpSpan) (want, got string) {
		return t.attrs[theirs], strconv.FormatInt(o.integer(ours), 10)
	}
}

// TestMySQLsOwnTelemetryAndSpansTellTheSameOfEveryStatement holds the spans of
// MySQL's component against those of the bridge, field by field.
func TestMySQLsOwnTelemetryAndSpansTellTheSameOfEveryStatement(t *testing.T) {
	t.Parallel()
	sink := otlptest.Start(t, otlptest.Options{})
	server := startMySQL(t, // the endpoint can only be set at the start
		"--loose-telemetry.otel_exporter_otlp_traces_endpoint="+sink.HTTPEndpoint()+"/v1/traces",
		"--loose-telemetry.otel_bsp_schedule_delay=200")
	admin := connect(t, server, "")
	admin.must("INSTALL COMPONENT 'file://component_telemetry'")
	admin.must("SET GLOBAL telemetry.trace_enabled = ON")
	var connections []int64
	r := watch(t, server, func() {
		connections = mixedLoad(t, server)
		for _, id := range connections {
			admin.must("KILL ?", id) // the span of a session is sent at its end
		}
		sink.Wait(t, 20*time.Second, func() bool { return len(telemetrySessions(sink, connections)) == len(connections) })
	}, "--raw-text")
	theirs, ours := telemetryStatements(sink, connections), r.ofConnections(connections)
	seen := make(map[string]bool)
	var apart, took []time.Duration
	for _, id := range connections {
		if len(theirs[id]) != len(ours[id]) || len(ours[id]) == 0 {
			t.Errorf("connection %d has %d spans, %d of the component", id, len(ours[id]), len(theirs[id]))
			continue
		}
		for i, s := range theirs[id] {
			compareTelemetry(t, s, ours[id][i])
			apart, took = append(apart, ours[id][i].duration()-s.took), append(took, s.took)
			for name := range s.attrs {
				seen[name] = true
			}
		}
	}
	t.Logf("%d statements; a span lasts %v longer than the component's, in the median of %v", len(took), median(apart), median(took))
	listed := make(map[string]bool)
	for _, f := range telemetryFields {
		listed[f.name] = true
	}
	if diff := gocmp.Diff(listed, seen); diff != "" {
		t.Errorf("attributes of the component differ from the table (-table +component):\n%s", diff)
	}
}

// compareTelemetry compares two spans of a statement.
func compareTelemetry(t *testing.T, theirs telemetrySpan, ours otlpSpan) {
	t.Helper()
	for _, f := range telemetryFields {
		if f.tell == nil {
			continue
		}
		if want, got := f.tell(theirs, ours); got != want {
			t.Errorf("%q: %s is %q, in the component's span %q", ours.text(), f.name, got, want)
		}
	}
	if ours.Parent != "" && (ours.TraceID != theirs.trace || ours.Parent != theirs.up) {
		t.Errorf("%q is below %s of trace %s, by the component below %s of %s", ours.text(), ours.Parent, ours.TraceID, theirs.up, theirs.trace)
	}
}

// telemetrySessions are connections by the ids of their spans.
func telemetrySessions(sink *otlptest.Sink, connections []int64) map[string]int64 {
	sessions := make(map[string]int64)
	for _, s := range sink.Spans() {
		if s.GetName() != "session" {
			continue
		}
		id, _ := strconv.ParseInt(telemetryAttrs(s.GetAttributes())["mysql.processlist_id"], 10, 64)
		for _, c := range connections {
			if c == id {
				sessions[string(s.GetSpanId())] = id
			}
		}
	}
	return sessions
}

// telemetryStatements are the component's spans of statements, each connection's
// in the order of their start. It sends one for every other command, too.
func telemetryStatements(sink *otlptest.Sink, connections []int64) map[int64][]telemetrySpan {
	sessions := telemetrySessions(sink, connections)
	lists := make(map[int64][]telemetrySpan)
	for _, s := range sink.Spans() {
		attrs := telemetryAttrs(s.GetAttributes())
		name := attrs["mysql.event_name"]
		if s.GetName() != "stmt" || (!strings.HasPrefix(name, "statement/sql/") && name != "statement/com/Execute") {
			continue
		}
		for _, link := range s.GetLinks() {
			if id, ok := sessions[string(link.GetSpanId())]; ok {
				lists[id] = append(lists[id], telemetrySpan{
					attrs: attrs, start: time.Unix(0, int64(s.GetStartTimeUnixNano())),
					took:  time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()),
					trace: fmt.Sprintf("%x", s.GetTraceId()), up: fmt.Sprintf("%x", s.GetParentSpanId()),
				})
			}
		}
	}
	for _, list := range lists {
		slices.SortStableFunc(list, func(a, b telemetrySpan) int { return a.start.Compare(b.start) })
	}
	return lists
}

func telemetryAttrs(list []*commonpb.KeyValue) map[string]string {
	attrs := make(map[string]string)
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			attrs[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			attrs[kv.GetKey()] = strconv.FormatInt(v.IntValue, 10)
		}
	}
	return attrs
}

// TestTheTableOfMySQLsTelemetryIsInTheDocumentation holds the table above
// against docs/mysql-telemetry.md.
func TestTheTableOfMySQLsTelemetryIsInTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../docs/mysql-telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range telemetryFields {
		ours := f.ours
		if ours == "" {
			ours = "-"
		}
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", f.name, ours, f.note); !strings.Contains(string(doc), row) {
			t.Errorf("docs/mysql-telemetry.md lacks %s", row)
		}
	}
}

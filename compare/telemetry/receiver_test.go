// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/spanbridge/spanbridge/compare"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const began = 1_795_669_221_000_000_000

func id(n byte, size int) []byte { return append(make([]byte, size-1), n) }

func attr(name string, value any) *commonpb.KeyValue {
	v := &commonpb.AnyValue{}
	switch value := value.(type) {
	case string:
		v.Value = &commonpb.AnyValue_StringValue{StringValue: value}
	case int:
		v.Value = &commonpb.AnyValue_IntValue{IntValue: int64(value)}
	}
	return &commonpb.KeyValue{Key: "mysql." + name, Value: v}
}

// stmt is a span as the component makes it; session 0 is none.
func stmt(session byte, at time.Duration, event, text string, more ...*commonpb.KeyValue) *tracepb.Span {
	s := &tracepb.Span{
		Name: "stmt", Kind: tracepb.Span_SPAN_KIND_SERVER, TraceId: id(99, 16), SpanId: id(98, 8),
		StartTimeUnixNano: uint64(began + at), EndTimeUnixNano: uint64(began + at + 150*time.Microsecond),
		Attributes: append([]*commonpb.KeyValue{
			attr("event_name", event), attr("sql_text", text), attr("current_schema", "shop"), attr("lock_time", 7),
			attr("sql_errno", 0), attr("sqlstate", ""), attr("rows_sent", 2), attr("rows_affected", 3), attr("rows_examined", 4),
		}, more...),
	}
	if session > 0 {
		s.Links = []*tracepb.Span_Link{{TraceId: id(session, 16), SpanId: id(session, 8)}}
	}
	return s
}

func ended(session byte, connection int) *tracepb.Span {
	return &tracepb.Span{
		Name: "session", Kind: tracepb.Span_SPAN_KIND_INTERNAL, TraceId: id(session, 16), SpanId: id(session, 8),
		Attributes: []*commonpb.KeyValue{attr("processlist_id", connection), attr("user", "app")},
	}
}

func body(t testing.TB, spans ...*tracepb.Span) []byte {
	t.Helper()
	raw, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// receiver receives until stop is called, which returns what the account tells.
func receiver(t *testing.T, o Options) (r *Receiver, stop func() *compare.Listing) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	o.Linger = 50 * time.Millisecond
	r, err := Listen(ctx, "http://127.0.0.1:0/v1/traces", o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan *compare.Listing, 1)
	go func() {
		l, err := compare.Collect(r, 1000)
		if err != nil {
			t.Error(err)
		}
		done <- l
	}()
	return r, func() *compare.Listing { cancel(); return <-done }
}

func post(t *testing.T, r *Receiver, raw []byte, header ...string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.Endpoint(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStatementsGetTheConnectionOfTheirSession(t *testing.T) {
	r, stop := receiver(t, Options{})
	post(t, r, body(t,
		stmt(1, 0, "statement/sql/select", "SELECT 'secret'"),
		stmt(2, 1, "statement/com/Execute", "SELECT * FROM t WHERE id = 42"),
		stmt(1, 2, "statement/sql/error", "SELEC 1", attr("sql_errno", 1064), attr("sqlstate", "42000")),
		stmt(1, 3, "statement/com/Ping", ""),
		stmt(0, 4, "statement/sp/stmt", "SELECT 1"),
		stmt(0, 5, "statement/sql/select", "SELECT 'of a connection from before'"),
		stmt(3, 6, "statement/sql/select", "SELECT 'of an open one'"),
		stmt(1, 7, "statement/sql/change_db", "USE other"),
		stmt(1, 8, "statement/sql/execute_sql", "SELECT ?"),
		stmt(1, 9, "statement/sql/insert", "INSERT INTO t VALUES ('"+strings.Repeat("x", 1000)),
	))
	if code := post(t, r, gzipped(t, body(t, ended(1, 10), ended(2, 11))), "Content-Encoding", "gzip"); code != http.StatusOK {
		t.Errorf("status %d of a packed request", code)
	}
	post(t, r, body(t, stmt(2, 10, "statement/sql/commit", "COMMIT")))
	l := stop()
	slices.SortFunc(l.Statements, func(a, b compare.Statement) int { return int(a.Start - b.Start) })
	want := []string{
		`Query 10 "SELECT ?" shop app`, `Execute 11 "SELECT * FROM t WHERE id = ?" shop app`, `Query 10 "SELEC ?" shop app 1064 42000`,
		`Other 10 - shop app`, `Inner 0 "SELECT ?" shop`, `Query 10 "USE other" app`, `Query 10 - shop app`,
		`Query 10 "INSERT INTO t VALUES (?…" cut shop app`, `Query 11 "COMMIT" shop app`,
	}
	var got []string
	for i := range l.Statements {
		got = append(got, told(&l.Statements[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s := l.Statements[0]
	if s.Duration != 150*time.Microsecond || s.LockTime != 7*time.Microsecond || s.Sent != 2 || s.Affected != 3 || s.Examined != 4 {
		t.Errorf("%+v", s)
	}
	var losses []string
	for _, l := range l.Losses {
		losses = append(losses, fmt.Sprint(l.Why, " ", l.Count, " ", l.From-began, " ", l.To-began))
	}
	if want := []string{WhyOpen + " 1 6 6", WhyEarlier + " 1 5 5"}; !slices.Equal(losses, want) {
		t.Errorf("%q", losses)
	}
}

// told renders what the account tells of a statement.
func told(s *compare.Statement) string {
	words := []string{[]string{"Query", "Execute", "Inner", "Other"}[s.Kind], fmt.Sprint(s.Connection), "-"}
	if s.Has.Has(compare.FieldText) {
		words[2] = fmt.Sprintf("%q", s.Text)
	}
	if words = slices.DeleteFunc(words, func(w string) bool { return w == "-" && s.Kind == compare.Inner }); s.Cut {
		words = append(words, "cut")
	}
	if s.Has.Has(compare.FieldDatabase) {
		words = append(words, s.Database)
	}
	if s.Has.Has(compare.FieldUser) {
		words = append(words, s.User)
	}
	if s.Error != 0 {
		words = append(words, fmt.Sprint(s.Error), s.SQLState)
	}
	return strings.Join(words, " ")
}

func TestWhatCannotBeReadIsRefusedAndTold(t *testing.T) {
	for name, c := range map[string]struct {
		raw    []byte
		header []string
		want   int
	}{
		"nonsense":                {[]byte("nonsense"), nil, http.StatusBadRequest},
		"JSON":                    {[]byte("{}"), []string{"Content-Type", "application/json"}, http.StatusUnsupportedMediaType},
		"no gzip":                 {body(t), []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"another encoding":        {body(t), []string{"Content-Encoding", "br"}, http.StatusBadRequest},
		"too large":               {make([]byte, maxBody+1), nil, http.StatusRequestEntityTooLarge},
		"too large once unpacked": {gzipped(t, make([]byte, maxBody+1)), []string{"Content-Encoding", "gzip"}, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r, stop := receiver(t, Options{})
			before := time.Now().UnixNano()
			if got := post(t, r, c.raw, c.header...); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
			l := stop()
			if len(l.Losses) != 1 || l.Losses[0].Why != WhyRefused || l.Losses[0].From > before || l.Losses[0].To < before {
				t.Errorf("losses %+v", l.Losses)
			}
		})
	}
}

func TestMoreThanIsKeptIsCountedAsLost(t *testing.T) {
	r, stop := receiver(t, Options{Most: 10})
	var spans []*tracepb.Span
	for i := range 15 {
		spans = append(spans, stmt(1, time.Duration(i), "statement/sql/select", "SELECT 1"))
	}
	post(t, r, body(t, append(spans, ended(1, 5))...))
	l := stop()
	if len(l.Statements) != 10 || len(l.Losses) != 1 || l.Losses[0].Count != 5 || l.Losses[0].Why != WhyExcess {
		t.Errorf("%d statements, losses %+v", len(l.Statements), l.Losses)
	}
}

func TestEndpointsThatAreNotOnLoopbackAreRefused(t *testing.T) {
	for _, endpoint := range []string{
		"", "http://0.0.0.0:4318/v1/traces", "http://192.0.2.1:4318/v1/traces", "https://127.0.0.1:4318/v1/traces",
		"http://127.0.0.1/v1/traces", "http://example.org:4318/v1/traces", "http://127.0.0.1:4318", "http://[::1",
	} {
		if r, err := Listen(t.Context(), endpoint, Options{}); err == nil {
			r.Close()
			t.Errorf("%q is taken", endpoint)
		}
	}
}

func TestTheMendOfWhatIsMissingIsTold(t *testing.T) {
	good := map[string]string{
		"trace_enabled": "ON", "query_text_enabled": "ON", "otel_log_level": "info",
		"otel_exporter_otlp_traces_endpoint": "http://127.0.0.1:4318/v1/traces", "otel_exporter_otlp_traces_protocol": "http/protobuf",
	}
	for _, c := range []struct{ version, name, value, want string }{
		{"9.7.4", "", "", ""},
		{"10.11.19-MariaDB", "trace_enabled", "", "use another account"},
		{"9.7.4", "otel_exporter_otlp_traces_endpoint", "", "start the server with --loose-telemetry.otel_exporter_otlp_traces_endpoint="},
		{"9.7.4", "otel_exporter_otlp_traces_endpoint", "http://192.0.2.1:4318/v1/traces", "start the server with"},
		{"9.7.4", "otel_exporter_otlp_traces_protocol", "http/json", "otel_exporter_otlp_traces_protocol=http/protobuf"},
		{"9.7.4", "trace_enabled", "OFF", "SET GLOBAL telemetry.trace_enabled = ON"},
		{"9.7.4", "query_text_enabled", "OFF", "SET GLOBAL telemetry.query_text_enabled = ON"},
		{"9.7.4", "otel_log_level", "silent", "otel_log_level=info"},
	} {
		values := make(map[string]string)
		for name, value := range good {
			values[name] = value
		}
		if c.name != "" {
			values[c.name] = c.value
		}
		s := State{Version: c.version}
		s.fill(values)
		if c.want == "" && len(s.Needs) > 0 || c.want != "" && (len(s.Needs) != 1 || !strings.Contains(s.Needs[0].Mend, c.want)) {
			t.Errorf("%s=%q: %+v", c.name, c.value, s.Needs)
		}
	}
	s := State{Version: "9.7.4"}
	if s.fill(map[string]string{}); len(s.Needs) != 1 || !strings.Contains(s.Needs[0].Mend, "INSTALL COMPONENT") {
		t.Errorf("%+v", s.Needs)
	}
}

func TestTheConnectionWithMostOfASessionsStatementsIsIts(t *testing.T) {
	at := func(text string, start time.Duration) compare.Statement {
		return compare.Statement{Text: text, Start: int64(start)}
	}
	session := []compare.Statement{at("a", 0), at("b", time.Second), at("c", 2*time.Second)}
	one := &connection{owner{1, "app"}, []compare.Statement{at("b", time.Second+time.Millisecond), at("c", 2*time.Second)}}
	other := &connection{owner{2, "app"}, []compare.Statement{at("c", 2*time.Second), at("a", time.Minute)}}
	if o, ok := best(session, map[uint64]*connection{1: one, 2: other}); !ok || o.connection != 1 {
		t.Error(o, ok)
	}
	if o, ok := best(session, map[uint64]*connection{2: other, 3: {owner{3, "app"}, other.last}}); ok {
		t.Error("one of two that are as good is taken", o)
	}
	if o, ok := best(session, map[uint64]*connection{3: {owner{3, "app"}, []compare.Statement{at("d", 0)}}}); ok {
		t.Error("one that has nothing of it is taken", o)
	}
}

func FuzzSpan(f *testing.F) {
	f.Add(body(f, stmt(1, 0, "statement/sql/select", "SELECT 'x'"), ended(1, 3)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		request := new(coltracepb.ExportTraceServiceRequest)
		if proto.Unmarshal(raw, request) != nil {
			return
		}
		b := book{most: 100, maxText: 1024}
		for _, rs := range request.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, span := range ss.GetSpans() {
					b.take(span)
				}
			}
		}
		if len(b.ready)+b.held > b.most {
			t.Fatal(len(b.ready), b.held)
		}
		var l losses
		b.end(&l)
	})
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
	"github.com/spanbridge/spanbridge/integration/servers"
)

const hostileTrace = "0af7651916cd43dd8448eb211c80319c"

// hostileStatement is one that a careless observer stumbles over.
type hostileStatement struct {
	alias   string // in the text, near its start
	text    string
	cut     bool
	context bool // a trace context near its end
}

func hostileStatements() []hostileStatement {
	runes := func(shift int) string {
		return strings.Repeat(" ", shift) + strings.Repeat(", 1 AS "+strings.Repeat("é", 30), 200)
	}
	return []hostileStatement{
		{alias: "one_mebibyte", text: "SELECT 1 AS one_mebibyte, LENGTH('" + strings.Repeat("x", 1<<20) + "')", cut: true},
		{alias: "invalid_utf8", text: "SELECT 1 AS invalid_utf8, '\xff\xfe\xc3(', _binary'\xed\xa0\x80'"},
		{alias: "invalid_name", text: "SELECT 1 AS invalid_name, 2 AS `\xff\xc3`"},
		{alias: "nul_inside", text: "SELECT 1 AS nul_inside, 'a\x00b', 'after'"},
		{alias: "nul_in_comment", text: "SELECT 1 AS nul_in_comment /* \x00 */"},
		{alias: "quotes_in_comments", text: "SELECT 1 AS quotes_in_comments /* it's \" ` */, 'x' -- don't"},
		{alias: "late_context", text: "SELECT 1 AS late_context, '" + strings.Repeat("y", 100<<10) + "' /*traceparent='00-" +
			hostileTrace + "-b7ad6b7169203331-01'*/", cut: true, context: true},
		// One of the two has a rune across the cut.
		{alias: "even_cut", text: "SELECT 1 AS even_cut" + runes(0), cut: true},
		{alias: "odd_cut", text: "SELECT 1 AS odd_cut" + runes(1), cut: true},
		{alias: "empty_name", text: "SELECT 1 AS empty_name FROM ``"},
	}
}

// strictSink starts a receiver that refuses what is not exactly OTLP, and gives
// the environment that makes spanbridge send there.
func strictSink(t *testing.T) (sink *otlptest.Sink, env []string) {
	t.Helper()
	sink = otlptest.Start(t, otlptest.Options{})
	return sink, exporting("http/protobuf", sink.HTTPEndpoint())
}

// accepted fails the test unless the sink has taken every span of the run.
func accepted(t *testing.T, sink *otlptest.Sink, r *result) {
	t.Helper()
	for _, c := range sink.Calls() {
		if c.Err != nil {
			t.Errorf("request to %s is malformed: %v", c.Path, c.Err)
		}
	}
	if row := r.ledger["otlp"]; row["acked"] != row["taken"] || int(row["taken"]) != len(sink.Spans()) || row["taken"] == 0 {
		t.Errorf("ledger of otlp %v, %d spans have arrived", row, len(sink.Spans()))
	}
}

func TestHostileStatementsGiveOneValidSpanEach(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		sink, env := strictSink(t)
		s := w.server(t)
		db := openPool(t, s)
		b := startBridgeWith(t, env, "--target", pidOf(s), "--export", "otlp", "--detail", "query")
		all := hostileStatements()
		for _, h := range all {
			rows, err := db.QueryContext(t.Context(), h.text) // the server may refuse it
			if err == nil {
				rows.Close()
			}
		}
		r := b.stop()
		r.mustClose(t)
		accepted(t, sink, r)
		if len(r.spans) != len(all) {
			t.Errorf("%d spans of %d statements", len(r.spans), len(all))
		}
		for _, h := range all {
			checkHostile(t, w, &h, r.spans)
		}
	})
}

func checkHostile(t *testing.T, w way, h *hostileStatement, spans []otlpSpan) {
	t.Helper()
	var mine []*otlpSpan
	for i := range spans {
		if strings.HasPrefix(spans[i].text(), "SELECT ? AS "+h.alias) {
			mine = append(mine, &spans[i])
		}
	}
	if len(mine) != 1 {
		t.Errorf("%s: %d spans", h.alias, len(mine))
		return
	}
	s := mine[0]
	if !utf8.ValidString(s.text()) || strings.ContainsAny(s.text(), "\x00") {
		t.Errorf("%s: text %q", h.alias, s.text())
	}
	var length any // the tier usdt passes texts that end with a NUL, and no length
	if h.cut && w.tier != byUSDT.tier {
		length = int64(len(h.text))
	}
	if cut := s.Attrs["spanbridge.query.truncated"] == true; cut != h.cut || s.Attrs["spanbridge.query.length"] != length {
		t.Errorf("%s: truncated %v and length %v, want %v and %v",
			h.alias, cut, s.Attrs["spanbridge.query.length"], h.cut, length)
	}
	adopted := s.TraceID == hostileTrace && s.Parent == "b7ad6b7169203331"
	if adopted != (h.context && w.tier != byUSDT.tier) {
		t.Errorf("%s: trace %s under %q", h.alias, s.TraceID, s.Parent)
	}
}

// corpusMarks finds the marks of bridge/sqltext/testdata/corpus.sql.
var corpusMarks = regexp.MustCompile(`(?i)PII\d|\b9000\d{3}\b|50494930`)

func corpusStatements(t *testing.T) (statements []string) {
	t.Helper()
	data, err := os.ReadFile("../bridge/sqltext/testdata/corpus.sql")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	if len(statements) < 200 {
		t.Fatalf("%d statements in the corpus", len(statements))
	}
	return statements
}

// runCorpus runs the statements as texts and as prepared statements, each on a
// connection of its own: some change how the next ones are read.
func runCorpus(t *testing.T, w way, s *servers.Server, statements []string) {
	t.Helper()
	db := openPool(t, s)
	for _, statement := range statements {
		for _, prepared := range []bool{false, true} {
			if prepared && w.tier == byUSDT.tier {
				continue // it does not see them
			}
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatalf("after %.60q: %v", statement, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if !prepared {
				_, _ = conn.ExecContext(ctx, statement) // the server refuses many
			} else if st, err := conn.PrepareContext(ctx, statement); err == nil {
				_, _ = st.ExecContext(ctx)
				st.Close()
			}
			cancel()
			_ = conn.Raw(func(any) error { return errors.New("do not use it again") })
			conn.Close()
		}
	}
}

func TestNoLiteralOfTheCorpusLeavesTheHost(t *testing.T) {
	statements := corpusStatements(t)
	eachWay(t, func(t *testing.T, w way) {
		sink, env := strictSink(t)
		s := w.server(t)
		b := startBridgeWith(t, env, "--target", pidOf(s), "--export", "otlp", "--export", "console")
		runCorpus(t, w, s, statements)
		r := b.stop()
		r.mustClose(t)
		accepted(t, sink, r)
		texts := 0
		for i := range r.spans {
			if r.spans[i].text() != "" {
				texts++
			}
		}
		t.Logf("%d statements, %d spans with a text, %d bytes drawn", len(statements), texts, len(r.stdout))
		if texts < len(statements)*9/10 || len(r.stdout) < 30*len(statements) {
			t.Errorf("%d texts and %d bytes drawn of %d statements", texts, len(r.stdout), len(statements))
		}
		findMarks(t, "standard output", r.stdout)
		findMarks(t, "standard error", r.stderr)
		file, err := os.ReadFile(b.output)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(file)) {
			findMarksInJSON(t, "file", []byte(line))
		}
		for _, m := range sink.Traces() {
			findMarksInMessage(t, "traces", m)
		}
		for _, m := range sink.Metrics() {
			findMarksInMessage(t, "metrics", m)
		}
	})
}

// The search for marks finds them where they are wanted.
func TestRawTextShowsTheLiteralsOfTheCorpus(t *testing.T) {
	t.Parallel()
	w := byUprobe
	s := w.server(t)
	b := startBridge(t, "--target", pidOf(s), "--raw-text")
	runCorpus(t, w, s, []string{"SELECT 'PII0001', 9000002"})
	r := b.stop()
	r.mustClose(t)
	data, err := os.ReadFile(b.output)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(stringsOf(t, data)); n == 0 || len(r.spans) == 0 {
		t.Errorf("%d marks in %d spans of a run with --raw-text", n, len(r.spans))
	}
}

func findMarks(t *testing.T, where, text string) {
	t.Helper()
	for _, at := range corpusMarks.FindAllStringIndex(text, 5) {
		t.Errorf("%s has a literal: ...%s...", where, text[max(0, at[0]-60):min(len(text), at[1]+20)])
	}
}

func findMarksInMessage(t *testing.T, where string, m proto.Message) {
	t.Helper()
	data, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	findMarksInJSON(t, where, data)
}

func findMarksInJSON(t *testing.T, where string, data []byte) {
	t.Helper()
	for _, s := range stringsOf(t, data) {
		t.Errorf("%s has a literal: %s", where, s)
	}
}

// random are members that may hold any number by chance.
var random = map[string]bool{
	"traceId": true, "spanId": true, "parentSpanId": true, "startTimeUnixNano": true, "endTimeUnixNano": true,
	"timeUnixNano": true, "count": true, "bucketCounts": true, "asInt": true, "sum": true,
}

// stringsOf returns the strings with a mark in lines of OTLP JSON.
func stringsOf(t *testing.T, data []byte) (found []string) {
	t.Helper()
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, member := range v {
				walk(k, member)
			}
		case []any:
			for _, element := range v {
				walk(key, element)
			}
		case string:
			if !random[key] && corpusMarks.MatchString(v) {
				found = append(found, key+": "+v)
			}
		}
	}
	for line := range strings.Lines(string(data)) {
		var document any
		if err := json.Unmarshal([]byte(line), &document); err != nil {
			t.Fatal(err)
		}
		walk("", document)
	}
	return found
}

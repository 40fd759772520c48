// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
	"github.com/spanbridge/spanbridge/integration/backends"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// stockServers are servers without any probes of their own in newer versions.
var stockServers = []tier{
	{server: "MySQL 5.6", name: "uprobe-old", start: servers.StrippedMySQL56},
	{server: "MySQL 9.7", name: "uprobe", start: servers.MySQL},
	{server: "MariaDB 10.5", name: "uprobe", start: servers.MariaDB105},
	{server: "MariaDB 11.8", name: "uprobe", start: servers.MariaDB118},
}

func TestAGoApplicationAndAStockServerShareATrace(t *testing.T) {
	t.Parallel()
	for _, whole := range stockServers {
		whole.failure, whole.number = true, true
		t.Run(whole.server, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, whole)
			t.Run("statements with comments", func(t *testing.T) { testShop(t, whole, server) })
			t.Run("prepared statements with comments", func(t *testing.T) { testPreparedComments(t, server) })
		})
	}
}

func testShop(t *testing.T, whole tier, server *servers.Server) {
	sink := otlptest.Start(t, otlptest.Options{})
	var requests shopping
	r := watch(t, server, func() { requests = goShopping(t, server, exporting("http/protobuf", sink.HTTPEndpoint())) })
	traces := make(map[string][]backends.Span)
	for _, s := range sink.Spans() {
		id := fmt.Sprintf("%x", s.GetTraceId())
		parent := ""
		if len(s.GetParentSpanId()) > 0 {
			parent = fmt.Sprintf("%x", s.GetParentSpanId())
		}
		traces[id] = append(traces[id], backends.Span{
			TraceID: id, SpanID: fmt.Sprintf("%x", s.GetSpanId()), ParentID: parent, Name: s.GetName(),
			Kind: int(s.GetKind()), Start: time.Unix(0, int64(s.GetStartTimeUnixNano())),
			Resource: map[string]any{"service.name": "shop"},
		})
	}
	for _, s := range r.spans {
		traces[s.TraceID] = append(traces[s.TraceID], backends.Span{
			TraceID: s.TraceID, SpanID: s.SpanID, ParentID: s.Parent, Name: s.Name, Kind: s.Kind,
			Start: time.Unix(0, int64(s.Start)), Status: s.Status.Code, Attributes: s.Attrs, Resource: s.Resource,
		})
	}
	for _, id := range requests.checkouts {
		wantShopTrace(t, whole, traces[id], checkoutAppSpans, checkoutTexts)
	}
	wantShopTrace(t, whole, traces[requests.report], reportAppSpans, reportTexts)
	wantNoLiterals(t, slices.Concat(slices.Collect(maps.Values(traces))...))
}

// testPreparedComments: the comment of an execution is that of its preparation,
// and only directly after it the request's own.
func testPreparedComments(t *testing.T, server *servers.Server) {
	recorder := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(recorder))
	tracer := provider.Tracer("test")
	db := openCommented(t, server, provider)
	request := func(name string, work func(context.Context) error) {
		ctx, span := tracer.Start(t.Context(), name)
		defer span.End()
		if err := work(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const text = "SELECT 1 + ?"
	r := watch(t, server, func() {
		request("at once", func(ctx context.Context) error { return drain(db.QueryContext(ctx, text, 1)) })
		var held *sql.Stmt
		request("first", func(ctx context.Context) (err error) {
			if held, err = db.PrepareContext(ctx, text); err != nil {
				return err
			}
			return drain(held.QueryContext(ctx, 2))
		})
		request("later", func(ctx context.Context) error { return drain(held.QueryContext(ctx, 3)) })
		if err := db.PingContext(t.Context()); err != nil {
			t.Error(err)
		}
	})
	prepares := make(map[string]string) // spans of preparations, by request
	for _, s := range recorder.GetSpans() {
		for _, root := range recorder.GetSpans() {
			if s.Name == "sql.conn.prepare" && !root.Parent.IsValid() && root.SpanContext.TraceID() == s.SpanContext.TraceID() {
				prepares[root.Name] = s.SpanContext.TraceID().String() + "-" + s.SpanContext.SpanID().String()
			}
		}
	}
	var executions []otlpSpan
	for _, s := range r.spans {
		if s.word("spanbridge.command") == "Execute" {
			executions = append(executions, s)
		}
	}
	slices.SortFunc(executions, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	if len(executions) != 3 || len(prepares) != 2 {
		t.Fatalf("%d executions and %d preparations, want 3 and 2", len(executions), len(prepares))
	}
	for i, name := range []string{"at once", "first"} {
		if got := executions[i].TraceID + "-" + executions[i].Parent; got != prepares[name] || len(executions[i].Links) != 0 {
			t.Errorf("the execution of the request %q is below %s with %d links, want %s", name, got, len(executions[i].Links), prepares[name])
		}
	}
	later := executions[2]
	if later.Parent != "" || len(later.Links) != 1 || later.Links[0].TraceID+"-"+later.Links[0].SpanID != prepares["first"] ||
		attrMap(later.Links[0].RawAttrs)["spanbridge.context.stale"] != true {
		t.Errorf("the later execution has the parent %q and the links %v, want none, and a stale one to %s", later.Parent, later.Links, prepares["first"])
	}
	if n := r.ledger["records"]["stale"]; n != 1 {
		t.Errorf("ledger: stale is %d, want 1: %v", n, r.ledger["records"])
	}
}

// openCommented opens a pool of one connection whose statements have comments,
// and which leaves arguments to the server.
func openCommented(t *testing.T, server *servers.Server, provider *sdktrace.TracerProvider) *sql.DB {
	t.Helper()
	cfg, err := mysql.ParseDSN(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	otel.SetTextMapPropagator(propagation.TraceContext{}) // otelsql asks for the global one
	db := otelsql.OpenDB(connector, otelsql.WithTracerProvider(provider), otelsql.WithSQLCommenter(true))
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// drain reads all rows.
func drain(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		rows.Close()
		return err
	}
	return rows.Close()
}

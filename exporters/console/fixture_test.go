// SPDX-License-Identifier: Apache-2.0

package console

import (
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// day is when the spans of the tests begin: 2026-11-03 14:03:07.123 UTC.
var day = time.Date(2026, 11, 3, 14, 3, 7, 123_000_000, time.UTC).UnixNano()

func resource(service string) *bridge.Resource {
	return &bridge.Resource{Attrs: []bridge.Attr{bridge.String("service.name", service)}}
}

func traceID(last byte) bridge.TraceID {
	return bridge.TraceID{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, last}
}

func spanID(last byte) bridge.SpanID {
	return bridge.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, last}
}

// at places a span of the given length within the tests' time.
func at(s bridge.Span, offset, length time.Duration) bridge.Span {
	s.StartNs = day + offset.Nanoseconds()
	s.EndNs = s.StartNs + length.Nanoseconds()
	return s
}

var (
	shop    = resource("checkout")
	mariadb = resource("mariadb")
)

// query is a server's span of a statement, in a trace of its own.
func query(trace, span byte) bridge.Span {
	return at(bridge.Span{
		TraceID:  traceID(trace),
		SpanID:   spanID(span),
		Flags:    bridge.FlagHasIsRemote | bridge.FlagSampled,
		Name:     "SELECT orders",
		Kind:     bridge.KindServer,
		Resource: mariadb,
		Attrs: []bridge.Attr{
			bridge.String("db.system.name", "mariadb"),
			bridge.String("db.namespace", "shop"),
			bridge.String("db.query.text", "SELECT id, total FROM orders WHERE customer = ? ORDER BY id DESC LIMIT ?"),
			bridge.Int("spanbridge.connection.id", 42),
			bridge.Int("db.response.returned_rows", 3),
		},
	}, 0, 412*time.Microsecond)
}

// request is a trace of an application with two statements of its database.
func request() []bridge.Span {
	root := at(bridge.Span{TraceID: traceID(0x36), SpanID: spanID(1), Name: "GET /checkout", Kind: bridge.KindServer, Resource: shop},
		0, 12400*time.Microsecond)
	client := at(bridge.Span{TraceID: traceID(0x36), SpanID: spanID(2), Parent: spanID(1), Name: "sql.conn.query", Kind: bridge.KindClient, Resource: shop,
		Attrs: []bridge.Attr{bridge.String("db.query.text", "SELECT id, total FROM orders\nWHERE customer = 'ada' ORDER BY id DESC LIMIT 10")}},
		1300*time.Microsecond, 7800*time.Microsecond)
	server := query(0x36, 3)
	server.Parent = spanID(2)
	server = at(server, 1410*time.Microsecond, 7400*time.Microsecond)
	sort := at(bridge.Span{TraceID: traceID(0x36), SpanID: spanID(4), Parent: spanID(3), Name: "filesort", Kind: bridge.KindInternal, Resource: mariadb,
		Attrs: []bridge.Attr{bridge.Int("spanbridge.sort.rows", 1)}},
		6*time.Millisecond, 2*time.Millisecond)
	exec := at(bridge.Span{TraceID: traceID(0x36), SpanID: spanID(5), Parent: spanID(1), Name: "sql.conn.exec", Kind: bridge.KindClient, Resource: shop,
		Status: bridge.StatusError, Attrs: []bridge.Attr{bridge.String("db.query.text", "UPDATE stock SET n = n - 1 WHERE id = 'pot'")}},
		9500*time.Microsecond, 2500*time.Microsecond)
	failing := at(bridge.Span{TraceID: traceID(0x36), SpanID: spanID(6), Parent: spanID(5), Name: "UPDATE stock", Kind: bridge.KindServer, Resource: mariadb,
		Status: bridge.StatusError, StatusText: "Deadlock found when trying to get lock",
		Attrs: []bridge.Attr{
			bridge.String("db.response.status_code", "1213"), bridge.String("error.type", "1213"),
			bridge.String("db.namespace", "shop"), bridge.Int("spanbridge.connection.id", 42),
			bridge.String("db.query.text", "UPDATE stock SET n = n - ? WHERE id = ?"),
		}}, 9600*time.Microsecond, 2200*time.Microsecond)
	return []bridge.Span{server, sort, failing, root, client, exec}
}

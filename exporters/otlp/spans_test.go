// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"math"
	"strings"

	"github.com/spanbridge/spanbridge/bridge"
)

// testResource and otherResource have their attributes in the order of their
// keys, as the OpenTelemetry SDK sends them.
var (
	testResource = &bridge.Resource{Attrs: []bridge.Attr{
		bridge.String("host.name", "db1"),
		bridge.Int("process.pid", 4711),
		bridge.String("service.name", "mariadb"),
	}}
	otherResource = &bridge.Resource{Attrs: []bridge.Attr{bridge.String("service.name", "postgresql")}}
)

const testTimeNs = 1_760_000_000_123_456_789

// fullSpan uses every field that a span has.
func fullSpan() bridge.Span {
	return bridge.Span{
		TraceID:    bridge.TraceID{0x4b, 0xf9, 15: 1},
		SpanID:     bridge.SpanID{0x00, 0xf0, 7: 2},
		Parent:     bridge.SpanID{7: 3},
		Flags:      bridge.FlagSampled | bridge.FlagHasIsRemote | bridge.FlagIsRemote,
		TraceState: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
		Name:       "SELECT orders",
		Kind:       bridge.KindServer,
		StartNs:    testTimeNs,
		EndNs:      testTimeNs + 1234,
		Attrs: []bridge.Attr{
			bridge.String("db.query.text", "SELECT * FROM orders WHERE id = ? -- ünïcode \u2028 \x00\x1f\"\\\n\r\t\x7f 🐬"),
			bridge.String("empty", ""),
			bridge.Int("zero", 0),
			bridge.Int("negative", math.MinInt64),
			bridge.Int("large", math.MaxInt64),
			bridge.Bool("yes", true),
			bridge.Bool("no", false),
			bridge.Float("pi", math.Pi),
			bridge.Float("nothing", 0),
			bridge.Float("tiny", math.SmallestNonzeroFloat64),
			bridge.Float("huge", math.MaxFloat64),
			bridge.Float("infinite", math.Inf(1)),
			bridge.Float("negative infinite", math.Inf(-1)),
		},
		Links: []bridge.Link{
			{
				TraceID: bridge.TraceID{0: 9}, SpanID: bridge.SpanID{0: 8}, TraceState: "a=b",
				Flags: bridge.FlagSampled | bridge.FlagHasIsRemote | bridge.FlagIsRemote,
				Attrs: []bridge.Attr{bridge.String("why", "stale context"), bridge.Int("n", 3)},
			},
			{TraceID: bridge.TraceID{0: 1}, SpanID: bridge.SpanID{0: 1}, Flags: bridge.FlagHasIsRemote},
		},
		Status:     bridge.StatusError,
		StatusText: "1146: table does not exist",
		Resource:   testResource,
	}
}

// plainSpan has only what no span lacks.
func plainSpan() bridge.Span {
	return bridge.Span{
		TraceID: bridge.TraceID{1}, SpanID: bridge.SpanID{1}, Name: "COMMIT", Kind: bridge.KindInternal,
		Flags: bridge.FlagHasIsRemote, StartNs: testTimeNs, EndNs: testTimeNs, Resource: testResource,
	}
}

// typicalBatch resembles what a busy server yields.
func typicalBatch(n int) []bridge.Span {
	batch := make([]bridge.Span, n)
	for i := range batch {
		batch[i] = bridge.Span{
			TraceID: bridge.TraceID{1, 2, 3, byte(i), byte(i >> 8)}, SpanID: bridge.SpanID{1, byte(i), byte(i >> 8)},
			Parent: bridge.SpanID{9, byte(i)}, Flags: bridge.FlagSampled | bridge.FlagHasIsRemote | bridge.FlagIsRemote,
			Name: "SELECT sbtest1", Kind: bridge.KindServer,
			StartNs: testTimeNs + int64(i), EndNs: testTimeNs + int64(i) + 250_000, Resource: testResource,
			Attrs: []bridge.Attr{
				bridge.String("db.system.name", "mariadb"),
				bridge.String("db.namespace", "sbtest"),
				bridge.String("db.query.text", "SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c LIMIT ? FOR UPDATE SKIP LOCKED"),
				bridge.String("db.query.summary", "SELECT sbtest1"),
				bridge.String("db.user", fmt.Sprintf("app%d", i%7)),
				bridge.String("client.address", "192.0.2.17"),
				bridge.String("spanbridge.tier", "uprobe"),
				bridge.Int("client.port", 40000+int64(i)),
				bridge.Int("server.port", 3306),
				bridge.Int("db.response.returned_rows", 100),
				bridge.Int("thread.id", 12345),
				bridge.Int("spanbridge.connection.id", 1_000_000),
			},
		}
	}
	return batch
}

func longSpan(text int) bridge.Span {
	s := plainSpan()
	s.Attrs = []bridge.Attr{bridge.String("db.query.text", strings.Repeat("x", text))}
	return s
}

// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"fmt"
	"os"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/console"
)

// A span of an application and, below it, the server's span of the statement.
func ExampleRender() {
	start := time.Date(2026, 11, 3, 14, 3, 7, 0, time.UTC).UnixNano()
	service := func(name string) *bridge.Resource {
		return &bridge.Resource{Attrs: []bridge.Attr{bridge.String("service.name", name)}}
	}
	trace := bridge.TraceID{0x4b, 0xf9, 0x2f, 0x35}
	spans := []bridge.Span{
		{TraceID: trace, SpanID: bridge.SpanID{1}, Name: "sql.conn.query", Kind: bridge.KindClient,
			StartNs: start, EndNs: start + 2_000_000, Resource: service("checkout")},
		{TraceID: trace, SpanID: bridge.SpanID{2}, Parent: bridge.SpanID{1}, Name: "SELECT orders", Kind: bridge.KindServer,
			StartNs: start + 300_000, EndNs: start + 1_800_000, Resource: service("mariadb"),
			Attrs: []bridge.Attr{bridge.String("db.query.text", "SELECT total FROM orders WHERE id = ?")}},
	}
	if err := console.Render(os.Stdout, spans, console.Options{Location: time.UTC}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// trace 4bf92f35000000000000000000000000 · 2 spans · 2.00 ms
	// 14:03:07.000  ━━━━━━━━━━━━━━━━━━━━  2.00 ms  sql.conn.query        checkout
	//      +300 µs     ━━━━━━━━━━━━━━━    1.50 ms  └─ SELECT orders      mariadb
	//                                                 SELECT total FROM orders WHERE id = ?
}

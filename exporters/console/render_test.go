// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func singles() []bridge.Span {
	alone := query(1, 1)
	child := at(query(2, 2), 20*time.Millisecond, 1230*time.Microsecond)
	child.Parent, child.Flags = spanID(0xb7), bridge.FlagHasIsRemote|bridge.FlagIsRemote|bridge.FlagSampled
	linked := at(query(3, 3), 30*time.Millisecond, 2*time.Second)
	linked.Attrs = append(linked.Attrs, bridge.Bool("spanbridge.query.truncated", true))
	linked.Links = []bridge.Link{{TraceID: traceID(9), SpanID: spanID(9)}}
	failed := at(query(4, 4), 35*time.Millisecond, 90*time.Microsecond)
	failed.Name = "SELECT"
	failed.Status, failed.StatusText = bridge.StatusError, "Table 'shop.nothing' doesn't exist"
	failed.Attrs = []bridge.Attr{bridge.String("db.response.status_code", "1146"), bridge.String("error.type", "1146"),
		bridge.String("db.query.text", "SELECT * FROM nothing")}
	create := at(bridge.Span{TraceID: traceID(6), SpanID: spanID(6), Name: "CREATE TABLE products", Resource: mariadb,
		Attrs: []bridge.Attr{bridge.String("db.namespace", "shop")}}, 500*time.Millisecond, 20*time.Millisecond)
	ping := at(bridge.Span{TraceID: traceID(5), SpanID: spanID(5), Name: "ping", Resource: mariadb}, time.Second, 800)
	return []bridge.Span{alone, child, linked, failed, create, ping}
}

func TestRenderGoldens(t *testing.T) {
	long := request()
	for i := range long {
		long[i].Name += strings.Repeat(" and more", 20)
		long[i].Parent = bridge.SpanID{7}
	}
	tests := []struct {
		name  string
		spans []bridge.Span
		opts  Options
	}{
		{"request.txt", request(), Options{}},
		{"request_color.txt", request(), Options{Color: true}},
		{"request_narrow.txt", request(), Options{Width: 1}},
		{"request_wide.txt", request(), Options{Width: 160}},
		{"request_cut.txt", request(), Options{MaxSpans: 2}},
		{"orphans.txt", long, Options{}},
		{"singles.txt", singles(), Options{}},
		{"singles_color.txt", singles(), Options{Color: true, Width: 120}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Location = time.UTC
			var out bytes.Buffer
			if err := Render(&out, test.spans, test.opts); err != nil {
				t.Fatal(err)
			}
			golden(t, test.name, out.Bytes())
		})
	}
}

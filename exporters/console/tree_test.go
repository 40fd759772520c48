// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestEverySpanIsDrawnOnceWhateverTheIDs(t *testing.T) {
	tests := []struct {
		name  string
		links [][2]byte // span, parent
	}{
		{"a parent that is itself", [][2]byte{{1, 1}, {2, 1}}},
		{"two that are each other's parent", [][2]byte{{1, 2}, {2, 1}, {3, 0}}},
		{"a loop with a tail", [][2]byte{{1, 3}, {2, 1}, {3, 2}, {4, 3}}},
		{"the same id twice", [][2]byte{{1, 0}, {1, 0}, {2, 1}}},
		{"a chain deeper than the indentation", func() [][2]byte {
			var links [][2]byte
			for i := range byte(40) {
				links = append(links, [2]byte{i + 1, i})
			}
			return links
		}()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var spans []bridge.Span
			for _, link := range test.links {
				s := query(1, link[0])
				s.Attrs = nil
				s.Parent = bridge.SpanID{}
				if link[1] != 0 {
					s.Parent = spanID(link[1])
				}
				spans = append(spans, s)
			}
			var out bytes.Buffer
			if err := Render(&out, spans, Options{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), "━   412 µs  "); got != len(spans) {
				t.Errorf("%d spans drawn, want %d:\n%s", got, len(spans), out.String())
			}
		})
	}
}

func TestBar(t *testing.T) {
	tests := []struct {
		from, to int
		want     string
	}{
		{0, 8, "━━━━"},
		{0, 1, "╸   "},
		{1, 2, "╺   "},
		{3, 3, " ╺  "},
		{1, 5, "╺━╸ "},
		{8, 8, "   ╺"},
		{99, 99, "   ╺"},
	}
	for _, test := range tests {
		if got := bar(test.from, test.to, 4); got != test.want {
			t.Errorf("bar(%d, %d) = %q, want %q", test.from, test.to, got, test.want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0 ns"}, {999, "999 ns"}, {1000, "1.00 µs"}, {9999, "10.0 µs"},
		{99_960, "100 µs"}, {999_499, "999 µs"}, {999_500, "1.00 ms"},
		{12 * time.Millisecond, "12.0 ms"}, {59_949 * time.Millisecond, "59.9 s"},
		{59_950 * time.Millisecond, "1m00s"}, {2*time.Minute + 5*time.Second, "2m05s"},
		{time.Hour + 2*time.Minute, "1h02m"}, {-1500, "-1.50 µs"},
	}
	for _, test := range tests {
		if got := formatDuration(int64(test.d)); got != test.want {
			t.Errorf("formatDuration(%d) = %q, want %q", int64(test.d), got, test.want)
		}
	}
}

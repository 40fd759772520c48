// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/inert/inerttest"
)

func TestHostileSpansAreInertAndStayWithinTheWidth(t *testing.T) {
	const hostile = "\x1b]0;t\x07\u202e<script>\n\x9b\r\x00\xff注"
	s := query(1, 1)
	s.Name, s.StatusText, s.Status = hostile, hostile, bridge.StatusError
	s.Resource = resource(hostile)
	for i := range s.Attrs {
		s.Attrs[i] = bridge.String(s.Attrs[i].Key, strings.Repeat(hostile, 20))
	}
	child := s
	child.SpanID, child.Parent, child.Resource = spanID(2), s.SpanID, resource("other"+hostile)
	for _, spans := range [][]bridge.Span{{s}, {s, child}} {
		var out bytes.Buffer
		if err := Render(&out, spans, Options{Width: 90, Location: time.UTC}); err != nil {
			t.Fatal(err)
		}
		inerttest.Lines(t, out.String(), 90)
	}
}

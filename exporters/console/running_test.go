// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestWhatRunsHasALineOfItsOwn(t *testing.T) {
	var out bytes.Buffer
	e := New(&out, Options{Width: 200}, nil)
	for _, one := range []bridge.Running{
		{
			Span: bridge.Span{Name: "UPDATE shop.orders"}, Age: 12300 * time.Millisecond, Connection: 7,
			Wait: "row lock wait", Waited: 12200 * time.Millisecond, Blocker: 5,
		},
		{Span: bridge.Span{Name: "SELECT \x1b[2J"}, Age: 2 * time.Second},
	} {
		if err := e.ExportRunning(t.Context(), []bridge.Running{one}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		" still running 12.3 s · UPDATE shop.orders · conn 7 · row lock wait since 12.2 s, held by conn 5", " still running 2.00 s · SELECT ",
	} {
		if !strings.Contains(lines[i], want) || strings.Contains(lines[i], "\x1b[2J") {
			t.Errorf("line %q, want %q", lines[i], want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package slowlog

import (
	"io"
	"testing"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

func TestEveryFormTellsWhatItSays(t *testing.T) {
	logtest.Golden(t, 7, func(t *testing.T, raw io.Reader) []byte {
		r := New(raw, Options{})
		l, err := compare.Collect(r, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return logtest.Render(l, r.Damaged())
	})
}

// SPDX-License-Identifier: Apache-2.0

package console

import (
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestTheLargestPartsOfTheTimeAreShown(t *testing.T) {
	for want, attrs := range map[string][]bridge.Attr{
		"":                {bridge.String("spanbridge.time.class", "lock")},
		"cpu 98%":         {bridge.Float("spanbridge.time.cpu", 0.098), bridge.Float("spanbridge.time.lock", 0.002)},
		"lock 92% cpu 7%": {bridge.Float("spanbridge.time.cpu", 0.007), bridge.Float("spanbridge.time.lock", 0.092)},
		"disk 40% sync 30% run queue 20%": {
			bridge.Float("spanbridge.time.cpu", 0.01), bridge.Float("spanbridge.time.disk", 0.04),
			bridge.Float("spanbridge.time.run_queue", 0.02), bridge.Float("spanbridge.time.sync", 0.03),
		},
	} {
		s := bridge.Span{Attrs: attrs, StartNs: 1e9, EndNs: 11e8}
		v := makeView(&s, 80)
		got := ""
		if len(v.items) > 0 {
			got = v.items[0]
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

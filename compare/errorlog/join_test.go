// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare"
)

func TestMessagesJoinTheStatementsThatRanThen(t *testing.T) {
	const ms = int64(time.Millisecond)
	timed := compare.FieldsOf(compare.FieldDuration)
	l := &compare.Listing{Statements: []compare.Statement{
		{Connection: 1, Start: 5000 * ms, Duration: time.Second, Has: timed},
		{Connection: 1, Start: 1000 * ms, Duration: time.Second, Has: timed},
		{Connection: 2, Start: 1000 * ms, Duration: 100 * time.Second, Has: timed},
		{Connection: 1, Start: 2100 * ms, Duration: 0, Has: timed},
		{Connection: 1, Start: 2200 * ms, Kind: compare.Other},
		{Connection: 3, Start: 1000 * ms}, // of unknown duration
		{Connection: 3, Start: 4000 * ms},
	}}
	messages := []Message{
		{Connection: 1, At: 1500 * ms},
		{Connection: 1, At: 2010 * ms},                         // just after it ended
		{Connection: 1, At: 3000 * ms},                         // between two
		{Connection: 1, At: 2000 * ms, Resolution: 1000 * 1e6}, // somewhere within a second
		{Connection: 2, At: 90000 * ms},
		{Connection: 3, At: 3900 * ms}, // the next one has not begun
		{Connection: 3, At: 9000 * ms}, // what was last may be over
		{Connection: 0, At: 1500 * ms},
		{Connection: 9, At: 1500 * ms},
	}
	want := [][]int{{1}, {1}, nil, {1, 3}, {2}, {5}, nil, nil, nil}
	if diff := cmp.Diff(want, Join(messages, l)); diff != "" {
		t.Error(diff)
	}
}

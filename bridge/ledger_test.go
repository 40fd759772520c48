// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strings"
	"testing"
)

// closing is a ledger with a bit of everything, which closes.
func closing() *Ledger {
	return &Ledger{
		Names: []string{"query"},
		Ops: []OpCounts{{
			Starts: 100, Dones: 93, Paired: 91, NoStart: 2, Open: 3, Replaced: 2, Overflow: 1, NoStorage: 1, Abandoned: 2,
			Filtered: 10, Sampled: 20, Inlined: 5, RingFull: 1, KernelErrors: 1, Submitted: 54, Unfinished: 2,
		}},
		Records: RecordCounts{Received: 55, DecodeErrors: 1, Unsampled: 3, Unknown: 1, Noted: 4, Assembled: 47, Children: 9},
		Exporters: []Account{{Exporter: "otlp", TallyCounts: TallyCounts{
			Taken: 56, Acked: 50, Rejected: 2, Queued: 1, Dropped: [numDropReasons]uint64{DropExpired: 3},
		}}},
	}
}

func TestClosingLedgerCloses(t *testing.T) {
	l := closing()
	if err := l.Check(); err != nil {
		t.Error(err)
	}
	if got := l.Lost(); got != 1+1+1+1+1+2+3 {
		t.Errorf("lost %d", got)
	}
}

func TestLedgerFindsWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*Ledger)
		want  string
	}{
		{"a start", func(l *Ledger) { l.Ops[0].Starts++ }, "starts = "},
		{"an end", func(l *Ledger) { l.Ops[0].Dones++ }, "dones = "},
		{"a pair", func(l *Ledger) { l.Ops[0].Filtered++ }, "paired = "},
		{"a record on the way", func(l *Ledger) { l.Records.DecodeErrors++ }, "submitted + unfinished = "},
		{"an unfinished record on the way", func(l *Ledger) { l.Ops[0].Unfinished++ }, "submitted + unfinished = "},
		{"a record in the assembler", func(l *Ledger) { l.Records.Unsampled++ }, "received = "},
		{"a record that was only noted", func(l *Ledger) { l.Records.Noted-- }, "received = "},
		{"a span before the exporter", func(l *Ledger) { l.Records.Children++ }, "took"},
		{"a span in the exporter", func(l *Ledger) { l.Exporters[0].Acked-- }, "taken = "},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := closing()
			test.spoil(l)
			if err := l.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestTallyAddsUp(t *testing.T) {
	var tally Tally
	tally.Take(10)
	tally.Ack(4)
	tally.Reject(1)
	tally.Drop(DropQueueFull, 2)
	c := tally.Counts()
	if c.Queued != 3 || c.DroppedTotal() != 2 || c.Acked+c.Rejected+c.DroppedTotal()+c.Queued != c.Taken {
		t.Errorf("got %+v", c)
	}
}

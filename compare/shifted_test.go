// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"testing"
	"time"
)

// stopped makes up a connection of two accounts of one text. From the 20th statement on the server is stopped right behind
// its answers, so that it tells each of them to end when the next one has long begun: so many of them.
func stopped(times int) (client, server *Listing) {
	const µs = int64(time.Microsecond)
	client, server = &Listing{}, &Listing{}
	add := func(to *Listing, start, end int64) {
		to.Statements = append(to.Statements, Statement{
			Has: FieldsOf(FieldText, FieldDuration), Connection: 1, Start: start, Duration: time.Duration(end - start), Text: "SELECT ?",
		})
	}
	at, free := int64(0), int64(0) // free: when the server can begin the next one
	for i := range 40 {
		begin := max(at+30*µs, free)
		answer, end := begin+100*µs, begin+110*µs
		if i >= 20 && i < 20+times {
			begin += 700 * µs // and late it begins
			answer = begin + 120*µs
			end = answer + 5000*µs
		}
		add(client, at, answer+20*µs)
		add(server, begin, end)
		at, free = answer+60*µs, end+10*µs
	}
	return client, server
}

func TestAServerThatIsStoppedBehindItsAnswerTellsOfTheSameStatements(t *testing.T) {
	for times := range 4 {
		client, server := stopped(times)
		for _, order := range [][2]*Listing{{client, server}, {server, client}} {
			al := Align(order[0], order[1])
			if len(al.Pairs) != 40 {
				t.Errorf("stopped %d times: %d pairs of 40", times, len(al.Pairs))
			}
			for _, p := range al.Pairs {
				if p.A != p.B {
					t.Errorf("stopped %d times: statement %d is paired with %d", times, p.A, p.B)
				}
			}
		}
	}
}

// What is really missing on both sides stays missing.
func TestWhatEitherLacksIsNotMovedAway(t *testing.T) {
	client, server := stopped(0)
	without := func(l *Listing, i int) *Listing {
		return &Listing{Statements: append(append([]Statement(nil), l.Statements[:i]...), l.Statements[i+1:]...)}
	}
	for _, gap := range []int{1, 2, 5} {
		for _, c := range [][2]*Listing{{without(client, 20), without(server, 20+gap)}, {without(client, 20+gap), without(server, 20)}} {
			if al := Align(c[0], c[1]); len(al.Pairs) != 38 || len(al.OnlyA) != 1 || len(al.OnlyB) != 1 {
				t.Errorf("%d further: %d pairs, want 38", gap, len(al.Pairs))
			}
		}
	}
}

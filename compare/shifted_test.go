// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"
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

// Where a server is late again and again, what is alone behind some pairs is next to what is alone ahead of the next
// ones: spans of probes, and what was captured of the same statements, on a busy machine, microseconds.
func TestShiftsBehindEachOtherAreMovedBack(t *testing.T) {
	spans := [][2]int64{{26674, 26736}, {26971, 27202}, {27213, 27266}, {27428, 27614}, {27621, 27722}, {27732, 27799}}
	packets := [][2]int64{{26633, 26725}, {26824, 27039}, {27119, 27257}, {27327, 27478}, {27526, 27667}, {27713, 27788}}
	listing := func(all [][2]int64) *Listing {
		l := &Listing{}
		for _, s := range all {
			l.Statements = append(l.Statements, Statement{
				Has: FieldsOf(FieldText, FieldDuration), Connection: 1, Text: "SELECT ?", Start: 1000 * s[0], Duration: time.Duration(1000 * (s[1] - s[0])),
			})
		}
		return l
	}
	a, b, all := listing(spans), listing(packets), []int{0, 1, 2, 3, 4, 5}
	for _, shifted := range [][]Pair{{{A: 0, B: 0}, {A: 1, B: 2}, {A: 3, B: 4}, {A: 5, B: 5}}, {{A: 1, B: 2}, {A: 3, B: 4}, {A: 5, B: 5}}} {
		l := &lane{a: a, b: b, x: all, y: all}
		for _, p := range l.unshift(shifted) {
			if p.A != p.B {
				t.Errorf("statement %d is paired with %d", p.A, p.B)
			}
		}
		mirrored := &lane{a: b, b: a, x: all, y: all}
		for i, p := range shifted {
			shifted[i] = Pair{A: p.B, B: p.A}
		}
		got := mirrored.unshift(shifted)
		if len(got) < 5 || slices.ContainsFunc(got, func(p Pair) bool { return p.A != p.B }) {
			t.Errorf("the other way round: %v", got)
		}
	}
}

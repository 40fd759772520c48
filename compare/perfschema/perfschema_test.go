// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

func TestTheClockGoesOnWhereTheTimerComesRound(t *testing.T) {
	c := clock{timer: math.MaxUint64 - 999_999, unix: 1e18}
	for _, moment := range []struct {
		timer uint64
		want  int64
	}{
		{c.timer, 1e18},
		{0, 1e18 + 1000},           // a million picoseconds on
		{5_000_000, 1e18 + 6000},   // after it came round
		{c.timer - 3000, 1e18 - 3}, // before
		{c.timer + 1e15, 1e18 + 1e12},
	} {
		if got := c.at(moment.timer); got != moment.want {
			t.Errorf("%d is %d, want %d", moment.timer, got, moment.want)
		}
	}
	if !past(5, math.MaxUint64) || past(math.MaxUint64, 5) || past(7, 7) {
		t.Error("what is past is not known where the timer comes round")
	}
}

// end makes an event of a statement.
func end(thread, event, last, at uint64, kind compare.Kind) *row {
	e := &row{key: key{thread, event}, last: last, start: at, end: at + 10}
	e.Kind = kind
	e.inner = kind == compare.Inner
	return e
}

func TestGapsAreWhereNumbersOfEventsAreMissing(t *testing.T) {
	var p progress
	for i, step := range []struct {
		e    *row
		want bool
	}{
		{end(1, 1, 1, 100, compare.Query), false},
		{end(1, 2, 3, 120, compare.Query), false}, // with a transaction
		{end(1, 4, 4, 140, compare.Other), false},
		{end(1, 6, 6, 160, compare.Inner), false}, // of the CALL that ends next
		{end(1, 5, 7, 155, compare.Query), false},
		{end(1, 11, 11, 300, compare.Execute), true}, // 8, 9 and 10 are missing
		{end(1, 13, 13, 400, compare.Query), true},
	} {
		if got := p.advance(step.e, 50); got != step.want {
			t.Errorf("event %d: a gap: %v", i, got)
		}
	}
	want := []gap{{155, 310, 3}, {300, 410, 1}}
	if !slices.Equal(p.gaps, want) || p.told != 5 || p.last != 13 {
		t.Errorf("%+v", p)
	}
	if all := merged(p.gaps); all != (gap{155, 410, 4}) {
		t.Errorf("merged %+v", all)
	}
}

func TestTheFirstEventOfAThreadThatIsReadTellsWhatCameBefore(t *testing.T) {
	var fresh progress
	if !fresh.advance(end(1, 4, 4, 100, compare.Query), 50) || fresh.gaps[0] != (gap{50, 110, 3}) {
		t.Errorf("a thread that began meanwhile: %+v", fresh)
	}
	older := progress{before: 7, last: 20}
	if older.advance(end(1, 21, 21, 100, compare.Query), 50) {
		t.Errorf("nothing is missing: %+v", older)
	}
	unknown := progress{before: 7}
	if unknown.advance(end(1, 21, 21, 100, compare.Query), 50) {
		t.Errorf("nobody knows whether something is missing: %+v", unknown)
	}
	behind := progress{before: 7, last: 20}
	if !behind.advance(end(1, 30, 30, 100, compare.Query), 50) || behind.gaps[0] != (gap{50, 110, 9}) {
		t.Errorf("%+v", behind)
	}
}

func TestGapsAreBounded(t *testing.T) {
	var p progress
	const n = 10 * maxGaps
	for i := range uint64(n) {
		p.advance(end(1, 1+2*i, 1+2*i, 100*i+100, compare.Query), 50)
	}
	if len(p.gaps) != maxGaps || merged(p.gaps).events != n-1 {
		t.Errorf("%d gaps of %d events", len(p.gaps), merged(p.gaps).events)
	}
	a := &Account{threads: make(map[uint64]*thread)}
	for id := range uint64(3 * maxThreads) {
		th := a.thread(id)
		th.told = 1
		th.miss(gap{1, 2, 1})
	}
	if len(a.threads) > maxThreads || len(a.gone.of) > maxLosses || a.gone.told+uint64(len(a.threads)) != 3*maxThreads {
		t.Errorf("%d threads, %d gaps, %d told", len(a.threads), len(a.gone.of), a.gone.told)
	}
	var events uint64
	for _, l := range a.gone.of {
		events += l.events
	}
	if events != a.gone.told {
		t.Errorf("%d of %d events are missing", events, a.gone.told)
	}
	for range 5 * maxLosses {
		a.lose(compare.Loss{Connection: 1, Count: 1, Why: WhyOverwritten})
	}
	if len(a.losses) != maxLosses || a.losses[maxLosses-1].Count != 4*maxLosses+1 {
		t.Errorf("%d losses", len(a.losses))
	}
}

func TestARingIsReadWhenAQuarterOfItIsNew(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	p := newPace(1000, at)
	reading := func(after time.Duration, events int, round bool) time.Duration {
		at = at.Add(after)
		p.note(at, events, round)
		return p.period
	}
	reading(0, 0, false)
	for range 20 {
		reading(p.period, int(p.period.Seconds()*1000), false) // 1000 a second
	}
	if p.period < 200*time.Millisecond || p.period > 300*time.Millisecond {
		t.Errorf("a reading in %v", p.period)
	}
	if got := reading(p.period, 1000, true); got > 150*time.Millisecond {
		t.Errorf("after it came round, in %v", got)
	}
	for range 50 {
		reading(p.period, 100_000, true)
	}
	if p.period != shortest {
		t.Errorf("%v, want the shortest", p.period)
	}
	for range 50 {
		reading(p.period, 0, false)
	}
	if p.period != usual {
		t.Errorf("%v, want the usual", p.period)
	}
}

func TestKindsFollowFromTheNamesOfEvents(t *testing.T) {
	for name, want := range map[string]compare.Kind{
		"statement/sql/select": compare.Query, "statement/sql/error": compare.Query, "statement/com/Execute": compare.Execute,
		"statement/com/Query": compare.Query, "statement/abstract/Query": compare.Query, "statement/com/Prepare": compare.Other,
		"statement/com/Init DB": compare.Other, "statement/sp/stmt": compare.Inner, "statement/scheduler/event": compare.Inner,
	} {
		if got := kindOf(name, false); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if kindOf("statement/sql/select", true) != compare.Inner {
		t.Error("what runs within a statement is inner")
	}
}

func TestTextsAreThoseOfTheStatement(t *testing.T) {
	long := "SELECT 1, '" + strings.Repeat("x", 100)
	for _, c := range []struct {
		name    string
		mariadb bool
		old     bool
		event   string
		raw     string
		text    string
		cut     bool
	}{
		{"a text", true, false, "statement/sql/select", "SELECT 'secret'", "SELECT ?", false},
		{"the rest of a packet", true, false, "statement/sql/select", "SELECT 'a;b'; SELECT 2", "SELECT ?", false},
		{"a body", true, false, "statement/sql/create_procedure", "CREATE PROCEDURE p() BEGIN SELECT 1; END", "CREATE PROCEDURE p() BEGIN SELECT ?; END", false},
		{"what was prepared", false, false, "statement/sql/execute_sql", "SELECT 1", "", false},
		{"the same of MariaDB", true, false, "statement/sql/execute_sql", "EXECUTE s", "EXECUTE s", false},
		{"of a command", false, false, "statement/com/Close stmt", "SELECT ?", "", false},
		{"cut", false, false, "statement/sql/select", long[:47] + "...", "SELECT ?, ?", true},
		{"dots that are the statement's", false, false, "statement/sql/error", "SELECT ...", "SELECT ...", false},
		{"cut by MySQL 5.6", false, true, "statement/sql/select", long[:49], "SELECT ?, ?", true},
		{"the rest of a packet of MySQL 5.6", false, true, "statement/sql/select", "SELECT 1; SELECT 2", "SELECT ?", false},
	} {
		r := reader{mariadb: c.mariadb, old: c.old, maxText: 50}
		e := row{name: c.event}
		e.Kind, e.Has = kindOf(c.event, false), fields
		r.text(&e, []byte(c.raw))
		text := strings.TrimSuffix(e.Text, "\u2026")
		if text != c.text || e.Cut != c.cut || e.Has.Has(compare.FieldText) != (c.text != "") {
			t.Errorf("%s: %q, cut %v", c.name, e.Text, e.Cut)
		}
	}
}

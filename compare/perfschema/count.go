// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// counted are the events that are statements: see [compare.Kind.Counts].
const counted = `(EVENT_NAME LIKE 'statement/sql/%' OR EVENT_NAME IN
	('statement/com/Execute', 'statement/com/Query', 'statement/abstract/Query', 'statement/abstract/new_packet'))`

// maxLosses is how many stretches are told apart.
const maxLosses = 1000

// countBefore takes down what the server has counted, and which event of each thread was the last.
func (a *Account) countBefore(ctx context.Context) error {
	counts, total, err := a.count(ctx)
	if err != nil {
		return err
	}
	a.total = total
	for id, n := range counts {
		a.thread(id).before = n
	}
	last, _, err := a.current(ctx)
	for id, n := range last {
		a.thread(id).last = n
	}
	return err
}

// current reads which event of each thread was the last, and which of them are at something that they have not written down yet.
func (a *Account) current(ctx context.Context) (last, busy map[uint64]uint64, err error) {
	const from = " FROM performance_schema.events_statements_current GROUP BY THREAD_ID"
	if last, err = a.numbers(ctx, "SELECT THREAD_ID, MAX(COALESCE(END_EVENT_ID, EVENT_ID - 1))"+from); err != nil {
		return nil, nil, err
	}
	busy, err = a.numbers(ctx, "SELECT THREAD_ID, MAX(END_EVENT_ID IS NULL)"+from)
	return last, busy, err
}

// behind reports whether clients did more than what was read, and it can be that this was not written down.
func (a *Account) behind(ctx context.Context) (bool, error) {
	last, busy, err := a.current(ctx)
	if err != nil {
		return false, err
	}
	for id, t := range a.threads {
		if !t.own && t.alive && (busy[id] > 0 || last[id] > t.last) {
			return true, nil
		}
	}
	return len(a.ring.pending) > 0, nil
}

// count reads how many statements there were, of each thread that is there and in all.
func (a *Account) count(ctx context.Context) (by map[uint64]uint64, total uint64, err error) {
	by, err = a.numbers(ctx, `SELECT THREAD_ID, SUM(COUNT_STAR) FROM performance_schema.events_statements_summary_by_thread_by_event_name
		WHERE COUNT_STAR > 0 AND `+counted+" GROUP BY THREAD_ID")
	if err != nil {
		return nil, 0, err
	}
	all, err := a.numbers(ctx, "SELECT 0, COALESCE(SUM(COUNT_STAR), 0) FROM performance_schema.events_statements_summary_global_by_event_name WHERE "+counted)
	return by, all[0], err
}

func (a *Account) numbers(ctx context.Context, query string) (map[uint64]uint64, error) {
	rows, err := a.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[uint64]uint64)
	for rows.Next() {
		var id, n uint64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		all[id] = n
	}
	return all, rows.Err()
}

// gone sums up threads that are there no more.
type gone struct {
	told uint64
	of   []lostBy // what they miss
	open bool     // of one of them it is not known what it did last, or first
}

type lostBy struct {
	connection uint64
	gap
}

func (g *gone) add(t *thread) {
	g.told += t.told
	if t.own {
		return
	}
	g.open = g.open || !t.quit || t.unsure
	for _, missing := range t.gaps {
		g.of = append(g.of, lostBy{t.connection, missing})
	}
	if n := len(g.of); n > maxLosses { // the rest is somebody's
		g.of[maxLosses-1].connection = 0
		for _, l := range g.of[maxLosses:] {
			g.of[maxLosses-1].to = l.to
			g.of[maxLosses-1].events += l.events
		}
		g.of = g.of[:maxLosses]
	}
}

// settleUp holds what was told against what the server has counted, and tells the difference as lost.
func (a *Account) settleUp(ctx context.Context) error {
	last, _, err := a.current(ctx)
	if err != nil {
		return err
	}
	counts, total, err := a.count(ctx)
	if err != nil {
		return err
	}
	var ofAlive uint64
	for id, n := range counts {
		t := a.thread(id)
		n -= min(n, t.before)
		ofAlive += n
		t.alive = true
		if !t.own && t.connection != 0 && n > t.told {
			a.lostOf(t, n-t.told, last[id])
		}
	}
	for id, t := range a.threads {
		if _, there := counts[id]; !there {
			a.gone.add(t)
		}
	}
	all := total - min(total, a.total)
	a.lostOfGone(all - min(all, ofAlive+a.gone.told))
	return a.lostByServer(ctx)
}

// lostOf tells what is lost of a thread that is there, up to the event that was its last one: in its gaps. Only if each
// event that is missing must be a statement it is known how many are missing in which gap.
func (a *Account) lostOf(t *thread, statements, last uint64) {
	gaps := slices.Clone(t.gaps)
	if last > t.last {
		from := t.start
		if t.end == 0 {
			from = a.ring.began
		}
		gaps = append(gaps, gap{from: from, to: a.timer(), events: last - t.last})
	}
	var all gap
	if len(gaps) > 0 {
		all = merged(gaps)
	}
	switch {
	case t.unsure || all.events < statements: // before what was read of it first
		a.loseGap(t.connection, gap{from: a.ring.began, to: a.timer()}, statements)
	case all.events > statements:
		a.loseGap(t.connection, all, statements)
	default:
		for _, g := range gaps {
			a.loseGap(t.connection, g, g.events)
		}
	}
}

// lostOfGone tells what is lost of threads that have gone: in their gaps, if all threads were seen, and of each the last event, and each event
// that is missing must be a statement. Otherwise it may have been at any time: also after the last reading of the ring.
func (a *Account) lostOfGone(statements uint64) {
	var events uint64
	for _, l := range a.gone.of {
		events += l.events
	}
	switch {
	case statements == 0 || events == 0 && len(a.ring.over) == 0: // nothing is lost, or it began or ended with the account
	case events == statements && !a.gone.open && !a.numbered.unseen():
		for _, l := range a.gone.of {
			a.loseGap(l.connection, l.gap, l.events)
		}
	default:
		a.lose(compare.Loss{From: a.clock.at(a.ring.began), To: a.now(), Count: statements, Why: WhyOverwritten})
	}
}

// timer is the time by the server's timer.
func (a *Account) timer() uint64 { return a.clock.timer + uint64(a.now()-a.clock.unix)*1000 }

func (a *Account) loseGap(connection uint64, g gap, statements uint64) {
	a.lose(compare.Loss{Connection: connection, From: a.clock.at(g.from), To: a.clock.at(g.to), Count: statements, Why: WhyOverwritten})
}

// lose tells a loss. Of very many the last ones are told together.
func (a *Account) lose(l compare.Loss) {
	if n := len(a.losses); n >= maxLosses && a.losses[n-1].Why == l.Why {
		last := &a.losses[n-1]
		last.Connection = 0
		last.From, last.To, last.Count = min(last.From, l.From), max(last.To, l.To), last.Count+l.Count
		return
	}
	a.losses = append(a.losses, l)
}

// lostByServer tells what Performance Schema says that it had no room for.
func (a *Account) lostByServer(ctx context.Context) error {
	now, err := lost(ctx, a.conn)
	if err != nil {
		return err
	}
	for _, name := range []string{"thread_instances", "statement_classes", "locker"} {
		if n := now[name] - min(now[name], a.lostBefore[name]); n > 0 {
			a.lose(compare.Loss{From: a.clock.at(a.ring.began), To: a.now(), Why: fmt.Sprintf("Performance_schema_%s_lost grew by %d", name, n)})
		}
	}
	return nil
}

// now is the time by the server's clock.
func (a *Account) now() int64 { return a.clock.unix + int64(time.Since(a.calibrated)) }

// nameOfLost is what a status variable says to be lost.
func nameOfLost(variable string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(variable), "performance_schema_"), "_lost")
}

// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// late is by how much an event may be written after its end, in picoseconds: its thread may have to wait for
// a CPU in between.
const late = 500_000_000_000

// poll reads the ring, and yields what is new in it.
func (a *Account) poll(ctx context.Context) error {
	began := time.Now()
	if began.Sub(a.calibrated) > calibrateEvery {
		if err := a.calibrate(ctx); err != nil {
			return err
		}
	}
	queries, err := a.queries(ctx)
	if err != nil {
		return err
	}
	fresh, err := a.readRing(ctx)
	if err != nil {
		return err
	}
	a.queriesRead = queries
	if err := a.look(ctx); err != nil { // after the ring: of a new thread is told while it is there
		return err
	}
	came := a.cameRound(fresh)
	a.pace.note(began, len(fresh), came)
	slices.SortFunc(fresh, func(x, y row) int { return cmp.Compare(int64(x.end-a.began), int64(y.end-a.began)) })
	unnamed := compare.Loss{Why: WhyUnnamed}
	for i := range fresh {
		a.take(&fresh[i], &unnamed)
	}
	if unnamed.Count > 0 {
		a.lose(unnamed)
	}
	return nil
}

// readRing reads what ended lately and was not there at the last reading.
func (a *Account) readRing(ctx context.Context) (fresh []row, err error) {
	from := a.newest - late
	if from > a.newest {
		from = 0 // the timer began, or has come round
	}
	rows, err := a.conn.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM performance_schema.events_statements_history_long WHERE TIMER_END > %d",
		columns, from))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := make(map[key]bool, len(a.known))
	for rows.Next() {
		e, whole, err := a.reader.read(rows)
		if err != nil {
			return nil, err
		}
		if !whole || known[e.key] {
			continue
		}
		known[e.key] = true
		if !a.known[e.key] && past(e.end, a.began) {
			fresh = append(fresh, e)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	a.known = known
	return fresh, nil
}

// cameRound remembers a stretch from which nothing is known if all that is in the ring is new.
func (a *Account) cameRound(fresh []row) bool {
	before, first := a.newest, a.newest
	for i := range fresh {
		if i == 0 || past(first, fresh[i].end) {
			first = fresh[i].end
		}
		if past(fresh[i].end, a.newest) {
			a.newest = fresh[i].end
		}
	}
	size := a.state.HistorySize
	if len(fresh) < size-size/50 { // while it is read, some are overwritten
		return false
	}
	if past(before, first) {
		first = before
	}
	if n := len(a.overwritten); n == maxLosses {
		a.overwritten[n-1].to = a.newest
	} else {
		a.overwritten = append(a.overwritten, gap{from: before, to: first})
	}
	return true
}

// take yields a statement, or counts it if it cannot be told whose it is.
func (a *Account) take(e *row, unnamed *compare.Loss) {
	t := a.thread(e.thread)
	if t.own {
		return
	}
	t.advance(e, a.began)
	e.Start = a.clock.at(e.start)
	switch {
	case t.connection != 0:
		e.Connection = t.connection
		e.User = t.user
		e.Has |= compare.FieldsOf(compare.FieldUser)
		a.ready = append(a.ready, e.Statement)
	case e.Kind.Counts():
		if unnamed.Count == 0 {
			unnamed.From, unnamed.To = e.Start, e.Start
		}
		unnamed.From, unnamed.To = min(unnamed.From, e.Start), max(unnamed.To, e.Start)
		unnamed.Count++
	}
}

const calibrateEvery = 10 * time.Second

// calibrate compares the clocks. For that the own thread has to be instrumented, and only for that.
func (a *Account) calibrate(ctx context.Context) (err error) {
	if err := a.instrument(ctx, "YES"); err != nil {
		return err
	}
	if a.clock, err = calibrate(ctx, a.conn, a.own); err != nil {
		return err
	}
	a.calibrated = time.Now()
	if past(a.newest, a.clock.timer+late) {
		a.newest = a.clock.timer // the clock behind the timer was put back, or the timer has come round
	}
	return a.instrument(ctx, "NO")
}

// instrument switches the own thread, if it may.
func (a *Account) instrument(ctx context.Context, enabled string) error {
	if !a.hidden {
		return nil
	}
	_, err := a.conn.ExecContext(ctx, fmt.Sprintf("UPDATE performance_schema.threads SET INSTRUMENTED = '%s' WHERE THREAD_ID = %d", enabled, a.own))
	if err != nil && ctx.Err() == nil {
		a.hidden = false // the privilege is missing
		return nil
	}
	return err
}

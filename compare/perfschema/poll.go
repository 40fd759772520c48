// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// poll reads the ring, and yields what counts of it.
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
	fresh, came, err := a.readRing(ctx, a.fast || a.done || a.ring.size < smallHistory)
	if err != nil {
		return err
	}
	a.queriesRead, a.fast = queries, came
	if err := a.look(ctx); err != nil { // after the ring: of a new thread is told while it is there
		return err
	}
	a.pace.note(began, fresh, came)
	unnamed := compare.Loss{Why: WhyUnnamed}
	rows := a.ring.release()
	for i := range rows {
		a.take(&rows[i], &unnamed)
	}
	if unnamed.Count > 0 {
		a.lose(unnamed)
	}
	return nil
}

// readRing reads what ended lately, twice if at the next time it may be gone: in one statement, so that little is overwritten in
// between. It returns how much of that is new, and whether the ring came round.
func (a *Account) readRing(ctx context.Context, twice bool) (fresh int, cameRound bool, err error) {
	times := 1
	if twice {
		times = 2
	}
	var query strings.Builder
	for nth := range times {
		if nth > 0 {
			query.WriteString(" UNION ALL ")
		}
		fmt.Fprintf(&query, "SELECT %d, %s FROM performance_schema.events_statements_history_long WHERE TIMER_END > %d", nth, columns, a.ring.since())
	}
	rows, err := a.conn.QueryContext(ctx, query.String())
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	all := a.ring.times()
	for rows.Next() {
		e, whole, err := a.reader.read(rows, all)
		if err != nil {
			return 0, false, err
		}
		if whole {
			all.take(e)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, false, err
	}
	all.upTo(times)
	return all.news, all.cameRound, nil
}

const (
	// settle is how long a server may take to write down what it has answered.
	settle = 150 * time.Millisecond
	// lastReadings are at most made at the end, for what is not written down yet.
	lastReadings = 4
)

// finish reads what is left to be read, once all threads have written down what they have answered, and settles up.
func (a *Account) finish(ctx context.Context) error {
	for range lastReadings {
		time.Sleep(settle)
		if err := a.poll(ctx); err != nil {
			return err
		}
		if behind, err := a.behind(ctx); err != nil {
			return err
		} else if !behind {
			break
		}
	}
	return a.settleUp(ctx)
}

// take yields a statement, or counts it if it cannot be told whose it is.
func (a *Account) take(e *row, unnamed *compare.Loss) {
	t := a.thread(e.thread)
	t.advance(e, a.ring.began)
	if t.own {
		return
	}
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
	if past(a.ring.newest, a.clock.timer+late) {
		a.ring.newest = a.clock.timer // the clock behind the timer was put back, or the timer has come round
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

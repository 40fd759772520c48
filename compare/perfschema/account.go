// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// Why statements are lost, of Performance Schema.
const (
	WhyOverwritten = "overwritten in events_statements_history_long before it was read"
	WhyUnnamed     = "its connection came and went between two readings of performance_schema.threads"
)

// Options are what an account is asked for besides.
type Options struct {
	// Without are connections that are left out, such as the caller's own.
	Without []uint64
}

// Account is the account of events_statements_history_long. It holds a connection of the
// database until it is closed.
type Account struct {
	ctx     context.Context // its end ends the account
	conn    *sql.Conn
	own     uint64 // the thread of conn
	hidden  bool   // that thread can be switched off
	without map[uint64]bool
	state   *State
	nature  compare.Nature

	reader     reader
	clock      clock
	calibrated time.Time
	ring       ring
	fast       bool // it came round before the last reading
	pace       pace
	// queriesRead is how many statements the server had executed at the last reading.
	queriesRead uint64
	threads     map[uint64]*thread
	numbered    numbered
	gone        gone
	total       uint64 // statements that the server had counted when the account began
	lostBefore  map[string]uint64

	ready  []compare.Statement // in reverse order
	losses []compare.Loss
	done   bool
}

// Open begins an account of what ends from now on. When ctx ends, it reads what there is to read,
// and is complete. It refuses if the server does not keep what it would read: see [Inspect] and [Setup].
func Open(ctx context.Context, db *sql.DB, o Options) (_ *Account, err error) {
	a := &Account{
		ctx: ctx, without: make(map[uint64]bool), threads: make(map[uint64]*thread), hidden: true,
	}
	for _, c := range o.Without {
		a.without[c] = true
	}
	if a.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("open Performance Schema: %w", err)
	}
	if err := a.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open Performance Schema: %w", err), a.Close())
	}
	return a, nil
}

func (a *Account) begin(ctx context.Context) (err error) {
	if a.state, err = inspect(ctx, a.conn); err != nil {
		return err
	}
	if err := a.state.refusal(); err != nil {
		return err
	}
	a.nature = a.state.nature()
	a.reader = reader{
		mariadb: a.state.MariaDB, old: !a.state.MariaDB && strings.HasPrefix(a.state.Version, "5.6."), maxText: a.state.MaxText,
	}
	if err := plain(ctx, a.conn); err != nil {
		return err
	}
	if err := a.conn.QueryRowContext(ctx, "SELECT THREAD_ID FROM performance_schema.threads WHERE PROCESSLIST_ID = CONNECTION_ID()").
		Scan(&a.own); err != nil {
		return fmt.Errorf("find the own thread: %w", err)
	}
	if a.lostBefore, err = lost(ctx, a.conn); err != nil {
		return err
	}
	if err := a.countBefore(ctx); err != nil {
		return err
	}
	if err := a.look(ctx); err != nil {
		return err
	}
	a.numbered.began = true
	if err := a.calibrate(ctx); err != nil {
		return err
	}
	a.ring = ring{size: a.state.HistorySize, began: a.clock.timer, newest: a.clock.timer, pending: make(map[key]*candidate)}
	a.pace = newPace(a.state.HistorySize, time.Now())
	return nil
}

// Next implements [compare.Account]. It waits for statements.
func (a *Account) Next(s *compare.Statement) error {
	for len(a.ready) == 0 {
		if a.done {
			return io.EOF
		}
		if err := a.fill(); err != nil {
			return fmt.Errorf("read Performance Schema: %w", err)
		}
	}
	last := len(a.ready) - 1
	*s = a.ready[last]
	a.ready = a.ready[:last]
	return nil
}

// longest is how long one reading may take.
const longest = time.Minute

func (a *Account) fill() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), longest)
	defer cancel()
	if err := a.wait(ctx); err != nil {
		return err
	}
	read := a.poll
	if a.done {
		read = a.finish
	}
	err := read(ctx)
	slices.Reverse(a.ready)
	return err
}

// wait waits until it is time for the next reading. Meanwhile it looks who is connected, and whether more is
// going on than before.
func (a *Account) wait(ctx context.Context) error {
	for {
		left := a.pace.wait()
		select {
		case <-a.ctx.Done():
			a.done = true
			return nil
		case <-time.After(min(left, glance)):
		}
		if left <= glance {
			return nil
		}
		if err := a.look(ctx); err != nil {
			return err
		}
		queries, err := a.queries(ctx)
		if err != nil {
			return err
		}
		if queries-a.queriesRead > uint64(a.state.HistorySize/4) {
			return nil
		}
	}
}

// queries is how many statements the server has executed, this account's among them.
func (a *Account) queries(ctx context.Context) (n uint64, err error) {
	var name string
	err = a.conn.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Queries'").Scan(&name, &n)
	return n, err
}

// Nature implements [compare.Account].
func (a *Account) Nature() compare.Nature { return a.nature }

// Losses implements [compare.Account].
func (a *Account) Losses() []compare.Loss { return a.losses }

// State is what of Performance Schema is on.
func (a *Account) State() *State { return a.state }

// Close implements [compare.Account]. The connection ends, and with it what was set for it.
func (a *Account) Close() error {
	a.done = true
	return discard(a.conn)
}

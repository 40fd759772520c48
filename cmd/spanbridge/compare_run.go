// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/errorlog"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// comparison is one run of the verb.
type comparison struct {
	config *compareConfig // of the user; those of the server are changes
	own    *ownConnections
	db     *sql.DB
	server *server.Server // as it was asked last
	load   load.Load      // nil: what there is
	stats  load.Stats

	accounts []*account
	errors   *errorLog
	errorsIn string            // where they are
	changes  *settings.Session // nil: nothing is changed
	costs    *cost.Result      // nil: not measured

	began, ended time.Time
}

// account is a way to watch, and what came of it.
type account struct {
	name    string
	asked   bool // by name
	watcher watcher
	how     string
	watches bool  // has begun, and not ended
	err     error // why it could not be had
	listing *compare.Listing
}

func runComparison(ctx context.Context, config *compareConfig) (err error) {
	c := &comparison{config: config}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	if err := c.canWrite(); err != nil {
		return err
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	c.choose()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	c.begin(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err := c.enough(); err != nil {
		return err
	}
	if err := c.work(ctx); err != nil {
		return err
	}
	messages := c.end(ctx)
	if err := c.putBack(ctx); err != nil {
		logf("%v", err) // the report comes first
	}
	if err := c.enough(); err != nil {
		return err
	}
	judged := c.judge()
	if len(judged.listings[0].Statements) == 0 {
		logf("%s tells of no statement: watch for longer (--duration), or make work (--load)", judged.listings[0].Nature.Name)
	}
	if c.config.WithCost && ctx.Err() == nil {
		if c.costs, err = c.cost(ctx); err != nil {
			logf("the cost of methods: %v", err) // what was compared is reported all the same
		}
	}
	return errors.Join(c.report(judged, messages), err)
}

// open connects to the server and asks what it is.
func (c *comparison) open(ctx context.Context) (err error) {
	if c.own, err = newOwnConnections(c.config.DSN); err != nil {
		return err
	}
	c.db = sql.OpenDB(c.own)
	limited, cancel := short(ctx)
	defer cancel()
	if c.server, err = server.Ask(limited, c.db); err != nil {
		return err
	}
	switch err := c.find(); {
	case err != nil && c.config.Target != "":
		return err
	case err != nil:
		logf("%v", err)
	default:
		logf("%s %s is process %d", c.server.Product, c.server.Version, c.server.PID)
	}
	if c.config.Load != "" {
		c.load, err = load.Parse(c.config.Load, c.config.DSN)
	}
	return err
}

// asked is the server as it is set now.
func (c *comparison) asked() *server.Server { return c.server }

// again asks the server how it is set now.
func (c *comparison) again(ctx context.Context) error {
	limited, cancel := short(ctx)
	defer cancel()
	now, err := server.Ask(limited, c.db)
	if err != nil {
		return err
	}
	now.PID, c.server = c.server.PID, now
	return nil
}

// had names the accounts that can be had. Why others cannot has been told.
func (c *comparison) had() (names []string) {
	for _, a := range c.accounts {
		if a.err == nil {
			names = append(names, a.name)
		}
	}
	return names
}

// enough is an error unless there are two accounts to compare.
func (c *comparison) enough() error {
	had := c.had()
	switch len(had) {
	case 0:
		return missingError("no account can be had")
	case 1:
		return missingError("there are not two accounts to compare: only %s can be had", had[0])
	}
	return nil
}

// begin lets every account begin to watch.
func (c *comparison) begin(ctx context.Context) {
	for _, a := range c.accounts {
		if a.err != nil {
			continue
		}
		a.how, a.err = a.watcher.begin(ctx)
		a.watches = a.err == nil
		switch {
		case ctx.Err() != nil:
			return
		case a.err != nil:
			logf("%s: %v", a.name, a.err)
		}
	}
	if c.wants("errorlog") {
		var err error
		if c.errors, c.errorsIn, err = followErrors(ctx, c.server); err != nil {
			logf("errorlog: %v", err)
		}
	}
	if had := c.had(); len(had) > 0 {
		logf("watching by %s", strings.Join(had, ", "))
	}
	c.began = time.Now()
}

// work lets the load work, or waits, until the time is over or the user has seen enough.
func (c *comparison) work(ctx context.Context) (err error) {
	defer func() { c.ended = time.Now() }()
	if c.load == nil {
		select {
		case <-time.After(c.config.Duration):
		case <-ctx.Done():
			logf("interrupted: the report is about what there was")
		}
		return nil
	}
	c.stats, err = c.load.Run(ctx, c.config.Duration)
	if ctx.Err() != nil {
		logf("interrupted: the report is about what there was")
		return nil
	}
	return err
}

// settle is how long a server may take to log what it has answered, and to switch on what was set.
const settle = 500 * time.Millisecond

// end lets every account stop, and collects what each has seen.
func (c *comparison) end(ctx context.Context) []errorlog.Message {
	time.Sleep(settle)
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*patience)
	defer cancel()
	for _, a := range slices.Backward(c.accounts) { // probes last: they cost what they cost to all
		if a.err != nil {
			continue
		}
		a.listing, a.err = a.watcher.end(patient)
		a.watches = false
		if errors.Is(a.err, compare.ErrTooMany) {
			a.listing.Losses = append(a.listing.Losses, after(a.listing))
			a.err = nil
		}
		if a.err != nil {
			logf("%s: %v", a.name, a.err)
			continue
		}
		a.listing.Nature.Name = a.name
		c.own.without(a.listing)
	}
	if c.errors == nil {
		return nil
	}
	return c.errors.end()
}

// after is the loss of what came after an account was full.
func after(l *compare.Listing) compare.Loss {
	last := int64(0)
	for i := range l.Statements {
		last = max(last, l.Statements[i].Start)
	}
	return compare.Loss{From: last - int64(l.Nature.Resolution), To: time.Now().UnixNano(), Why: "more statements than are kept (--most)"}
}

// close ends what goes on still, and puts everything back that is not yet.
func (c *comparison) close(ctx context.Context) error {
	for _, a := range c.accounts {
		if a.watches {
			limited, cancel := short(ctx)
			_, _ = a.watcher.end(limited) // nobody asks any more
			cancel()
		}
	}
	errs := []error{c.putBack(ctx)}
	if c.load != nil {
		errs = append(errs, c.load.Close())
	}
	if c.db != nil {
		errs = append(errs, c.db.Close())
	}
	return errors.Join(errs...)
}

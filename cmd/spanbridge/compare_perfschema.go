// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// perfschemaWatcher reads the history of statements of Performance Schema.
type perfschemaWatcher struct {
	db      *sql.DB
	own     *ownConnections
	most    int
	reading *collecting
}

func (c *comparison) perfschema() watcher {
	return &perfschemaWatcher{db: c.db, own: c.own, most: c.config.Most}
}

func (w *perfschemaWatcher) needs(*server.Server) []need { return nil }

func (w *perfschemaWatcher) setUp(ctx context.Context, s *settings.Session) error {
	return perfschema.Setup(ctx, s, w.db)
}

// check says what stands in the way, and what makes the account less than whole.
func (w *perfschemaWatcher) check(ctx context.Context) error {
	state, err := perfschema.Inspect(ctx, w.db)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range state.Missing {
		mend := m.Mend
		if !m.Restart {
			mend = "--setup changes that for the time, or: " + mend
		}
		if m.Fatal {
			errs = append(errs, fmt.Errorf("%s: %s", m.What, mend))
		} else {
			logf("perfschema: %s: %s", m.What, mend)
		}
	}
	return errors.Join(errs...)
}

func (w *perfschemaWatcher) begin(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	account, err := perfschema.Open(ctx, w.db, perfschema.Options{Without: w.own.numbers()})
	if err != nil {
		cancel()
		return "", err
	}
	w.reading = collect(account, w.most, cancel)
	return fmt.Sprintf("events_statements_history_long of %d rows", account.State().HistorySize), nil
}

func (w *perfschemaWatcher) end(ctx context.Context) (*compare.Listing, error) {
	return w.reading.end(ctx)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// prepare finds out which accounts can be had, and with --setup sees to it.
func (c *comparison) prepare(ctx context.Context) error {
	if c.config.Setup {
		if err := c.setUp(ctx); err != nil {
			return err
		}
	}
	for _, a := range c.accounts {
		if w, ok := a.watcher.(checker); ok && a.err == nil {
			a.err = w.check(ctx)
		}
		if a.err == nil {
			a.err = unmet(c.server, a.watcher.needs(c.server))
		}
		if a.err != nil {
			logf("%s: %v", a.name, a.err)
		}
	}
	return nil
}

// setUp changes what the accounts need, and remembers what was there.
func (c *comparison) setUp(ctx context.Context) error {
	file, err := c.config.stateFile()
	if err != nil {
		return err
	}
	limited, cancel := short(ctx)
	defer cancel()
	c.changes, err = settings.Open(limited, c.db, file)
	switch {
	case errors.Is(err, settings.ErrUnfinished):
		return fmt.Errorf("%w: spanbridge compare --restore%s", err, c.config.stateFlag())
	case err != nil:
		return err
	}
	for _, a := range c.accounts {
		for _, n := range a.watcher.needs(c.server) {
			err := c.changes.Set(limited, n.kind, n.name, n.value)
			if err != nil && n.must {
				a.err = err
			} else if err != nil {
				logf("%s: %v", a.name, err)
			}
		}
	}
	for _, a := range c.accounts {
		if w, ok := a.watcher.(setter); ok && a.err == nil {
			a.err = w.setUp(limited, c.changes)
		}
	}
	for _, change := range c.changes.Changes() {
		logf("for the time: %s %s is %s, was %s", change.Kind, change.Name, change.Now, change.Was)
	}
	if len(c.changes.Changes()) > 0 {
		logf("if this is killed: spanbridge compare --restore%s", c.config.stateFlag())
	}
	return c.again(ctx)
}

// stateFlag is what must be said to find the same file again.
func (c *compareConfig) stateFlag() string {
	if c.State == "" {
		return ""
	}
	return " --state " + c.State
}

// putBack puts back what was changed, once.
func (c *comparison) putBack(ctx context.Context) error {
	if c.changes == nil {
		return nil
	}
	limited, cancel := short(ctx)
	defer cancel()
	changed := len(c.changes.Changes())
	err := c.changes.Restore(limited)
	var left *settings.LeftError
	if err != nil && !errors.As(err, &left) {
		return fmt.Errorf("settings are not put back: %w\nput them back with: spanbridge compare --restore%s", err, c.config.stateFlag())
	}
	c.changes = nil
	if left != nil {
		logf("%v", left)
	} else if changed > 0 {
		logf("all settings are put back")
	}
	return nil
}

// restoreSettings puts back what an earlier comparison has left changed.
func restoreSettings(ctx context.Context, config *compareConfig) (err error) {
	file, err := config.stateFile()
	if err != nil {
		return err
	}
	recorded, err := settings.Recorded(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		logf("there is nothing to put back: no file %s", file)
		return nil
	case err != nil:
		return err
	}
	c := &comparison{config: config}
	if c.own, err = newOwnConnections(config.DSN); err != nil {
		return err
	}
	c.db = sql.OpenDB(c.own)
	defer c.db.Close()
	limited, cancel := short(ctx)
	defer cancel()
	done, err := settings.Restore(limited, c.db, file)
	for _, change := range done {
		logf("put back: %s %s is %s, was %s", change.Kind, change.Name, change.Was, change.Now)
	}
	var left *settings.LeftError
	if err != nil && !errors.As(err, &left) {
		return err
	}
	c.removeLogs(limited, recorded)
	if left != nil {
		logf("%v", left)
		return nil
	}
	logf("all settings are put back")
	return nil
}

// removeLogs removes the logs that a measurement has left on the server's host, or else names them.
func (c *comparison) removeLogs(ctx context.Context, recorded []settings.Change) {
	var logs []string
	for _, change := range recorded {
		if change.Kind == settings.Variable && cost.IsLog(change.Now) && !slices.Contains(logs, change.Now) {
			logs = append(logs, change.Now)
		}
	}
	if len(logs) == 0 {
		return
	}
	var err error
	if c.server, err = server.Ask(ctx, c.db); err == nil {
		err = c.find()
	}
	for _, log := range logs {
		why := err
		if why == nil {
			why = cost.RemoveLog(c.server, log)
		}
		switch {
		case why == nil:
			logf("removed %s, a log of the measurement", log)
		case !errors.Is(why, os.ErrNotExist):
			logf("%s was a log of the measurement: it is on the server's host still, and can be removed: %v", log, why)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/server"
)

// accountKind is one that the verb knows, by name. The order is that of the report, and the first that is there
// is the reference.
type accountKind struct {
	name string
	make func(*comparison) watcher
}

var accountKinds = []accountKind{
	{"journal", (*comparison).journal},
	{"probes", (*comparison).probes},
	{"perfschema", (*comparison).perfschema},
	{"telemetry", (*comparison).telemetry},
	{"wire", (*comparison).wire},
	{"slowlog", (*comparison).slowLog},
	{"generallog", (*comparison).generalLog},
}

// accountNames are the names that --accounts takes.
func accountNames() []string {
	var names []string
	for _, k := range accountKinds {
		names = append(names, k.name)
	}
	return append(names, "errorlog")
}

func (c *comparison) wants(name string) bool {
	return len(c.config.Accounts) == 0 || slices.Contains(c.config.Accounts, name)
}

// choose makes the accounts that were asked for, or all.
func (c *comparison) choose() {
	for _, k := range accountKinds {
		if c.wants(k.name) && (k.name != "journal" || c.config.mixed()) {
			c.accounts = append(c.accounts, &account{
				name: k.name, asked: len(c.config.Accounts) > 0, watcher: k.make(c),
			})
		}
	}
}

// find finds the server's process, or takes the user's word for it.
func (c *comparison) find() error {
	if c.config.Target == "" {
		return c.server.Find(c.other())
	}
	pid, err := strconv.Atoi(c.config.Target) // which was validated
	if err == nil {
		_, err = os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--target %s: no such process is running", c.config.Target)
	case err != nil:
		return fmt.Errorf("--target %s: look at the process: %w", c.config.Target, err)
	}
	c.server.PID = pid
	return nil
}

// other is a connection whose other end is the server's.
func (c *comparison) other() net.Conn {
	c.own.mu.Lock()
	defer c.own.mu.Unlock()
	return c.own.last
}

// journal is the account of the load's own clients.
func (c *comparison) journal() watcher { return &journalWatcher{c} }

type journalWatcher struct{ *comparison }

func (w *journalWatcher) needs(*server.Server) []need { return nil }

func (w *journalWatcher) begin(context.Context) (string, error) {
	w.load.(*load.Mixed).Keep(w.config.Most)
	return "the load's clients", nil
}

func (w *journalWatcher) end(context.Context) (*compare.Listing, error) {
	return compare.Collect(w.load.(*load.Mixed).Journal(), w.config.Most+1)
}

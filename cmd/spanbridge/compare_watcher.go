// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// watcher is one way to watch a server, of which an account comes.
type watcher interface {
	// needs are the settings with which the server lets itself be watched.
	needs(s *server.Server) []need
	// begin starts to watch, and says how. What ended ctx ends waiting, too.
	begin(ctx context.Context) (how string, err error)
	// end stops, and returns what was seen.
	end(ctx context.Context) (*compare.Listing, error)
}

// setter is a watcher that changes settings itself.
type setter interface {
	setUp(ctx context.Context, s *settings.Session) error
}

// checker is a watcher that has more to say of why it cannot be had.
type checker interface {
	check(ctx context.Context) error
}

// need is a setting's value. Without one that must be, nothing is seen; without another, less.
type need struct {
	kind, name, value string // as of package settings
	must              bool
}

// variable is a need of a global variable.
func variable(name, value string, must bool) need {
	return need{settings.Variable, name, value, must}
}

func (n *need) met(s *server.Server) bool {
	if n.value == "ON" || n.value == "OFF" {
		return s.On(n.name) == (n.value == "ON")
	}
	return s.Variable(n.name) == n.value || s.Number(n.name) == number(n.value)
}

func number(text string) float64 {
	var n float64
	if _, err := fmt.Sscanf(text, "%g", &n); err != nil {
		return -1
	}
	return n
}

// unmet says in words what the server is set to that it must not be, with the mend; nil if nothing is.
func unmet(s *server.Server, needs []need) error {
	var have, want []string
	for _, n := range needs {
		if n.must && n.kind == settings.Variable && !n.met(s) {
			have = append(have, n.name+" is "+s.Variable(n.name))
			want = append(want, "SET GLOBAL "+n.name+" = '"+n.value+"'")
		}
	}
	if len(have) == 0 {
		return nil
	}
	return fmt.Errorf("%s: --setup changes that for the time, or: %s", strings.Join(have, ", "), strings.Join(want, "; "))
}

// collecting is an account that is read while it grows.
type collecting struct {
	stop func()
	done chan struct{}
	l    *compare.Listing
	err  error
}

// collect reads an account to its end, which stop brings about.
func collect(account compare.Account, most int, stop func()) *collecting {
	c := &collecting{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.l, c.err = compare.Collect(account, most)
	}()
	return c
}

// patience is how long an account may take to come to its end.
const patience = 30 * time.Second

func (c *collecting) end(ctx context.Context) (*compare.Listing, error) {
	c.stop()
	select {
	case <-c.done:
		return c.l, c.err
	case <-time.After(patience):
		return nil, fmt.Errorf("it did not come to its end within %v", patience)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

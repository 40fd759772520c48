// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// method is one way to watch the server, which can be switched on and off.
type method interface {
	// name is how the method is asked for.
	name() string
	// detail says what is switched on.
	detail() string
	// missing says why the method cannot be had, "" if it can.
	missing() string
	on(context.Context) error
	off(context.Context) error
	// outside is the process that watches from outside of the server, 0 if there is none.
	outside() int
	// saw is how many statements the method saw while it was on the last time, and false if it
	// does not say so.
	saw() (uint64, bool)
}

// described is what methods have in common.
type described struct{ called, does, lacks string }

func (d *described) name() string    { return d.called }
func (d *described) detail() string  { return d.does }
func (d *described) missing() string { return d.lacks }
func (d *described) outside() int    { return 0 }

func (d *described) saw() (uint64, bool) { return 0, false }

// idle is nothing, or nothing once more.
type idle struct{ described }

func (*idle) on(context.Context) error  { return nil }
func (*idle) off(context.Context) error { return nil }

// setter changes settings of the server, and knows how to put them back.
type setter interface {
	Set(ctx context.Context, kind, name, value string) error
}

// setting is one of the server's, when a method is on and when it is off.
type setting struct{ kind, name, on, off string }

// switched is a method of the server's own.
type switched struct {
	described
	set      setter
	settings []setting
}

func (s *switched) on(ctx context.Context) error {
	for _, x := range s.settings {
		if err := s.set.Set(ctx, x.kind, x.name, x.on); err != nil {
			return errors.Join(err, s.off(ctx))
		}
	}
	return nil
}

// off switches off what on has switched on, the last first, and all of it whatever fails.
func (s *switched) off(ctx context.Context) error {
	var errs []error
	for i := len(s.settings) - 1; i >= 0; i-- {
		x := s.settings[i]
		errs = append(errs, s.set.Set(ctx, x.kind, x.name, x.off))
	}
	return errors.Join(errs...)
}

// CheckNames is an error that names those that are no method.
func CheckNames(names []string) error {
	var errs []error
	for _, n := range names {
		if !slices.Contains(Names(), n) {
			errs = append(errs, fmt.Errorf("unknown method %q: want some of %s", n, strings.Join(Names(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// choose takes the methods that were asked for, or all, behind those that are always there.
func choose(all []method, names []string) []method {
	chosen := []method{
		&idle{described{called: Nothing, does: "every method off that can be switched off at run time"}},
		&idle{described{called: Control, does: "nothing once more: the noise of the measurement"}},
	}
	for _, m := range all {
		if len(names) == 0 || slices.Contains(names, m.name()) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

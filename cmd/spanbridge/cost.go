// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/interval"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// costConfig is how the cost of methods is measured.
type costConfig struct {
	Methods []string
	Rounds  int
	Slice   time.Duration
}

func (c *costConfig) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&c.Methods, "methods", nil, "methods whose cost is measured, of "+strings.Join(cost.Names(), ", ")+" (default: all that can be had)")
	f.IntVar(&c.Rounds, "rounds", 10, "slices of the load for each method")
	f.DurationVar(&c.Slice, "slice", 2*time.Second, "how long a slice is; sysbench knows whole seconds only")
}

func (c *costConfig) validate() error {
	var errs []error
	if err := cost.CheckNames(c.Methods); err != nil {
		errs = append(errs, fmt.Errorf("--methods: %w", err))
	}
	if c.Rounds < interval.Least {
		errs = append(errs, fmt.Errorf("--rounds: %d give no interval: want at least %d", c.Rounds, interval.Least))
	}
	if c.Slice < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("--slice: %v is below 100ms", c.Slice))
	}
	return errors.Join(errs...)
}

// cost measures what each method costs under the load.
func (c *comparison) cost(ctx context.Context) (*cost.Result, error) {
	state, err := c.config.stateFile()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := c.again(ctx); err != nil { // a comparison may have changed settings and put them back
		return nil, err
	}
	if m, ok := c.load.(*load.Mixed); ok {
		m.Keep(0) // the journal was for the comparison
	}
	began := time.Now()
	r, err := cost.Run(ctx, cost.Options{
		DB: c.db, Server: c.server, Load: c.load, State: state, Program: self,
		Methods: c.config.Cost.Methods, Rounds: c.config.Cost.Rounds, Slice: c.config.Cost.Slice,
		Progress: func(p cost.Progress) { c.tell(p, began) },
	})
	var left *settings.LeftError
	switch {
	case errors.Is(err, settings.ErrUnfinished):
		return nil, fmt.Errorf("%w: spanbridge compare --restore%s", err, c.config.stateFlag())
	case err != nil && err.Error() == context.Canceled.Error(): // and nothing else went wrong
		return nil, errors.New("interrupted: of an unfinished measurement nothing is told; all settings are put back")
	case r != nil && errors.As(err, &left):
		logf("%v", left)
		return r, nil
	}
	return r, err
}

// tell says at the begin of a round how far the measurement is.
func (c *comparison) tell(p cost.Progress, began time.Time) {
	if p.Slice > 0 {
		return
	}
	if p.Round == 0 {
		logf("measuring the cost of methods: %d rounds of %d slices of %v; settings of the server change, and are put back", p.Rounds, p.Slices, c.config.Cost.Slice)
		logf("if this is killed: spanbridge compare --restore%s", c.config.stateFlag())
		return
	}
	took := time.Since(began)
	logf("round %d of %d, some %v to go", p.Round+1, p.Rounds, (took / time.Duration(p.Round) * time.Duration(p.Rounds-p.Round)).Round(time.Second))
}

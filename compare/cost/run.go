// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/spanbridge/spanbridge/compare/interval"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// Options say what to measure, and with what.
type Options struct {
	DB     *sql.DB        // to the server, with the privilege to change global variables
	Server *server.Server // with its process, or its processor time is not known
	Load   load.Load      // each slice opens connections of its own
	// Methods are those to measure, see [Names]; none: all.
	Methods []string
	Rounds  int           // blocks; default 10
	Slice   time.Duration // default 2 s
	// State is where settings are written down before they are changed: see
	// [settings.Open]. What is left there after a crash, [settings.Restore] puts back.
	State string
	// Program is spanbridge's own executable, which is started as a user would do it.
	Program  string
	Progress func(Progress) // nil: nobody is told
}

// Progress is where a measurement is.
type Progress struct {
	Round, Rounds int // from 0
	Slice, Slices int // of this round
	Method        string
}

// restoreTime is how long it may take to put the settings back.
const restoreTime = 30 * time.Second

func (o *Options) setDefaults() error {
	if o.Rounds == 0 {
		o.Rounds = 10
	}
	if o.Slice == 0 {
		o.Slice = 2 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Rounds < interval.Least {
		return fmt.Errorf("%d rounds give no interval: want at least %d", o.Rounds, interval.Least)
	}
	return CheckNames(o.Methods)
}

// Run measures. It changes settings of the server, and puts them back before it returns. If
// somebody else has changed one meanwhile, the result comes with a [settings.LeftError].
func Run(ctx context.Context, o Options) (_ *Result, err error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	session, err := settings.Open(ctx, o.DB, o.State)
	if err != nil {
		return nil, err
	}
	h := &host{Options: &o, set: session}
	defer func() {
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
		defer cancel()
		err = errors.Join(err, session.Restore(final), h.close())
	}()
	all, err := h.methods(ctx)
	if err != nil {
		return nil, err
	}
	b := &blocks{
		methods: choose(all, o.Methods), load: o.Load, meter: proc{}, pid: o.Server.PID, rounds: o.Rounds, slice: o.Slice,
		random: mathrand.New(mathrand.NewChaCha8(seed())), progress: o.Progress,
	}
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	return b.result(&o), nil
}

func seed() (s [32]byte) {
	rand.Read(s[:])
	return s
}

func (b *blocks) result(o *Options) *Result {
	r := &Result{
		Load: o.Load.Name(), Server: o.Server.Product + " " + o.Server.Version, Slices: o.Rounds, Slice: o.Slice,
	}
	for _, m := range b.methods {
		r.Methods = append(r.Methods, b.summary(m))
	}
	return r
}

// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spanbridge/spanbridge/compare/load"
)

// worker is what a slice is filled with: a [load.Load].
type worker interface {
	Run(ctx context.Context, d time.Duration) (load.Stats, error)
}

// slice is one slice of a method.
type slice struct {
	load.Stats
	server, outside usage // used in the slice
}

// blocks measures methods in slices that take turns.
type blocks struct {
	methods  []method
	load     worker
	meter    meter
	pid      int // the server's, 0 if it is not on this host
	rounds   int
	slice    time.Duration
	random   *rand.Rand
	progress func(Progress)

	gone    map[string]string   // methods that failed, with the reason
	samples map[string][]Sample // by method; one for each round, but of those that are gone
}

// run measures all blocks. Whatever happens, no method is left switched on.
func (b *blocks) run(ctx context.Context) error {
	b.gone, b.samples = make(map[string]string), make(map[string][]Sample)
	for _, m := range b.methods {
		if why := m.missing(); why != "" {
			b.gone[m.name()] = why
		}
	}
	// The first slice of a load makes its tables, and the server reads them.
	if _, err := b.work(ctx); err != nil {
		return err
	}
	order := make([]int, len(b.methods))
	for i := range order {
		order[i] = i
	}
	for round := range b.rounds {
		b.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i, at := range order {
			m := b.methods[at]
			b.progress(Progress{Round: round, Rounds: b.rounds, Slice: i, Slices: len(order), Method: m.name()})
			if b.gone[m.name()] != "" {
				continue
			}
			if err := b.measure(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure takes a slice of a method. What cannot be switched on is gone from then on; an
// error is of the server or of the load.
func (b *blocks) measure(ctx context.Context, m method) (err error) {
	if err := m.on(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.gone[m.name()] = err.Error()
		return nil
	}
	s, err := b.take(ctx, m)
	// Also where the context has ended: what is on must not stay on.
	if offErr := m.off(context.WithoutCancel(ctx)); offErr != nil {
		err = errors.Join(err, fmt.Errorf("switch %s off: %w", m.name(), offErr))
	}
	if err != nil {
		return err
	}
	sample := s.sample()
	if n, ok := m.saw(); ok {
		sample.Saw = &n
	}
	b.samples[m.name()] = append(b.samples[m.name()], sample)
	return nil
}

func (b *blocks) take(ctx context.Context, m method) (s slice, err error) {
	before, err := b.read(m)
	if err != nil {
		return s, err
	}
	if s.Stats, err = b.work(ctx); err != nil {
		return s, err
	}
	after, err := b.read(m)
	if err != nil {
		return s, err
	}
	s.server, s.outside = after[0].since(before[0]), after[1].since(before[1])
	return s, nil
}

// read reads the meters of the server and of what is outside of it.
func (b *blocks) read(m method) (now [2]usage, err error) {
	for i, pid := range []int{b.pid, m.outside()} {
		if pid == 0 {
			continue
		}
		if now[i], err = b.meter.read(pid); err != nil {
			return now, fmt.Errorf("measure %s: %w", m.name(), err)
		}
	}
	return now, nil
}

func (u usage) since(before usage) usage {
	return usage{cpu: u.cpu - before.cpu, wrote: u.wrote - before.wrote}
}

func (b *blocks) work(ctx context.Context) (load.Stats, error) {
	stats, err := b.load.Run(ctx, b.slice)
	switch {
	case err != nil:
		return stats, err
	case ctx.Err() != nil:
		return stats, ctx.Err()
	case stats.Statements == 0 || stats.Errors == stats.Statements || stats.Seconds <= 0:
		return stats, fmt.Errorf("the load did nothing in a slice of %v: %d statements, of which %d failed", b.slice, stats.Statements, stats.Errors)
	}
	return stats, nil
}

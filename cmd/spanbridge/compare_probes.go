// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/spans"
)

// probeWatcher is a bridge whose spans become an account.
type probeWatcher struct {
	config *compareConfig
	ask    func() *server.Server

	pipeline *pipeline
	account  *spans.Account
	stop     func()
	watching sync.WaitGroup
	carried  chan error
}

func (c *comparison) probes() watcher {
	return &probeWatcher{config: c.config, ask: c.asked}
}

func (w *probeWatcher) needs(*server.Server) []need { return nil }

// observeEvery is how often the ledger is looked at: so narrowly it is known when something was lost.
const observeEvery = 200 * time.Millisecond

func (w *probeWatcher) begin(ctx context.Context) (string, error) {
	s := w.ask()
	if s.PID == 0 {
		return "", server.ErrElsewhere
	}
	settings := defaultConfig()
	settings.Targets = []string{strconv.Itoa(s.PID)}
	settings.Detail, settings.Unsampled, settings.Attribution = w.config.Detail, true, false
	var err error
	if w.pipeline, err = openPipeline(ctx, &settings); err != nil {
		return "", err
	}
	report := w.pipeline.session.Report()
	if err := w.pipeline.nothingToSee(&report); err != nil {
		logf("probes: %v", err)
		return "", errors.Join(errors.New("no probe fits the server: spanbridge doctor says why"), w.pipeline.session.Close())
	}
	tally := &bridge.Tally{}
	w.account = spans.New(spans.Options{PID: s.PID, Most: w.config.Most}, tally)
	w.pipeline.outputs.use("compare", w.account, tally)
	w.observe()
	w.carry(ctx)
	return "tier " + w.tier(), nil
}

// tier is by which one statements are seen.
func (w *probeWatcher) tier() string {
	for _, t := range w.pipeline.session.Report().Targets {
		for _, o := range t.Operations {
			if o.Name == "query" {
				return o.Tier
			}
		}
	}
	return "none"
}

func (w *probeWatcher) carry(ctx context.Context) {
	p := w.pipeline
	b := bridge.Bridge{Source: p.session, Assembler: p.assembler, Exporters: p.outputs.exporters, Logf: logf}
	w.carried = make(chan error, 1)
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() { w.carried <- b.Run(context.WithoutCancel(ctx)) }()
	w.watching.Go(func() {
		if err := p.session.Watch(ctx); err != nil {
			logf("probes: %v", err)
		}
	})
	w.watching.Go(func() {
		for tick := time.NewTicker(observeEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				w.observe()
			}
		}
	})
}

func (w *probeWatcher) observe() {
	if l, err := w.pipeline.ledger(); err == nil {
		w.account.Observe(l, time.Now())
	}
}

func (w *probeWatcher) end(context.Context) (*compare.Listing, error) {
	w.stop()
	w.watching.Wait()
	p := w.pipeline
	err := errors.Join(p.session.Drain(), <-w.carried)
	ledger, errLedger := p.ledger()
	if errLedger == nil {
		w.account.Observe(ledger, time.Now())
		if errLedger = ledger.Check(); errLedger != nil {
			errLedger = fmt.Errorf("the ledger does not close: %w", errLedger)
		}
	}
	l, errCollect := compare.Collect(w.account, w.config.Most)
	if err := errors.Join(err, errLedger, p.session.Close()); err != nil {
		return l, err
	}
	return l, errCollect
}

// tierOf is the tier in what a watcher said of itself.
func tierOf(how string) string { return strings.TrimPrefix(how, "tier ") }

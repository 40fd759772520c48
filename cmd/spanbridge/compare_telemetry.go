// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/telemetry"
)

// telemetryWatcher receives what MySQL's own component sends.
type telemetryWatcher struct {
	db        *sql.DB
	most      int
	state     *telemetry.State // as the server is set
	receiving *collecting
}

func (c *comparison) telemetry() watcher {
	return &telemetryWatcher{db: c.db, most: c.config.Most}
}

func (w *telemetryWatcher) needs(s *server.Server) (all []need) {
	for _, name := range []string{"telemetry.trace_enabled", "telemetry.query_text_enabled"} {
		if s.Has(name) {
			all = append(all, variable(name, "ON", name == "telemetry.trace_enabled"))
		}
	}
	return all
}

// check tells what cannot be changed while the server runs.
func (w *telemetryWatcher) check(ctx context.Context) (err error) {
	if w.state, err = telemetry.Inspect(ctx, w.db); err != nil {
		return err
	}
	var errs []error
	for _, n := range w.state.Needs {
		if n.Variable == "" && !strings.Contains(n.What, "otel_log_level") { // without it only losses are not known
			errs = append(errs, fmt.Errorf("%s: %s", n.What, n.Mend))
		}
	}
	return errors.Join(errs...)
}

func (w *telemetryWatcher) begin(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := telemetry.Options{DB: w.db, MaxText: w.state.MaxText, Most: w.most + 1}
	if w.state.Delay > time.Second {
		o.Linger = w.state.Delay + time.Second
	}
	r, err := telemetry.Listen(ctx, w.state.Endpoint, o)
	if err != nil {
		cancel()
		return "", err
	}
	w.receiving = collect(r, w.most, cancel)
	return "component_telemetry to " + r.Endpoint(), nil
}

func (w *telemetryWatcher) end(ctx context.Context) (*compare.Listing, error) {
	return w.receiving.end(ctx)
}

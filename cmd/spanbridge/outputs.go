// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/console"
	"github.com/spanbridge/spanbridge/exporters/file"
	"github.com/spanbridge/spanbridge/exporters/logs"
	"github.com/spanbridge/spanbridge/exporters/metrics"
	"github.com/spanbridge/spanbridge/exporters/otlp"
	"github.com/spanbridge/spanbridge/exporters/prometheus"
)

// output is one place where spans or metrics go, as --export names it.
type output struct {
	kind string // otlp, console, file, prometheus or none
	arg  string // path or address
}

func parseOutput(s string) (output, error) {
	kind, arg, hasArg := strings.Cut(s, ":")
	switch kind {
	case "otlp", "console", "none":
		if hasArg {
			return output{}, fmt.Errorf("output %q: %s takes no argument", s, kind)
		}
	case "file":
		if arg == "" {
			return output{}, fmt.Errorf("output %q: want file:PATH, or file:- for standard output", s)
		}
	case "prometheus":
		if arg == "" {
			arg = prometheus.DefaultAddr(os.LookupEnv)
		}
		if err := prometheus.CheckAddr(arg); err != nil {
			return output{}, fmt.Errorf("output %q: %w", s, err)
		}
	default:
		return output{}, fmt.Errorf("unknown output %q: want otlp, console, file:PATH, prometheus:ADDR or none", s)
	}
	return output{kind: kind, arg: arg}, nil
}

// shutdownTime is how long outputs may take to deliver what they hold.
const shutdownTime = 10 * time.Second

// outputs are the exporters of a run, and the readers of its metrics.
type outputs struct {
	exporters []bridge.Exporter
	tallies   []*bridge.Tally
	names     []string
	running   []bridge.RunningExporter
	logs      []func(context.Context) error // ends of those that are no exporters of spans
	openAfter time.Duration                 // 0: nobody wants to know what runs
	stops     []func(context.Context) error // of metrics: while the kernel's counts can be read
	console   *lines                        // standard output, nil unless the console is an output
	producer  *metrics.Producer
	resource  *resource.Resource
}

// open starts what --export asks for. On an error nothing is left running.
func (o *outputs) open(ctx context.Context, wanted []string) error {
	for _, s := range wanted {
		out, err := parseOutput(s)
		if err == nil {
			err = o.add(ctx, out)
		}
		if err != nil {
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return errors.Join(err, o.stopMetrics(short), o.shutdown(short))
		}
	}
	return nil
}

func (o *outputs) add(ctx context.Context, out output) error {
	tally := &bridge.Tally{}
	pipeline := metrics.PipelineOptions{Producer: o.producer, Resource: o.resource, Logf: logf}
	switch out.kind {
	case "otlp":
		return o.addOTLP(ctx, tally, pipeline)
	case "console":
		o.console = &lines{to: os.Stdout}
		exporter := console.New(o.console, terminal(os.Stdout), tally)
		o.use("console", exporter, tally)
		o.running = append(o.running, exporter)
	case "file":
		exporter, err := file.New(out.arg, tally)
		if err != nil {
			return err
		}
		exporter.Version, exporter.Logf = version, logf
		o.use("file", exporter, tally)
		o.running = append(o.running, logs.Lines{To: exporter.Writer(), Version: version})
		o.stops = append(o.stops, metrics.NewLines(exporter.Writer(), pipeline).Shutdown)
	case "prometheus":
		server, err := prometheus.New(out.arg, o.producer, o.resource)
		if err != nil {
			return err
		}
		logf("metrics at http://%s/metrics", server.Addr())
		o.stops = append(o.stops, server.Shutdown)
	}
	return nil
}

// addOTLP starts the pipelines to a receiver. As everywhere in OpenTelemetry,
// OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER can be "none".
func (o *outputs) addOTLP(ctx context.Context, tally *bridge.Tally, pipeline metrics.PipelineOptions) error {
	if o.openAfter > 0 && os.Getenv("OTEL_LOGS_EXPORTER") != "none" {
		exporter, err := logs.NewOTLP(ctx, version)
		if err != nil {
			return usageError("%w", err)
		}
		o.running, o.logs = append(o.running, exporter), append(o.logs, exporter.Shutdown)
	}
	if os.Getenv("OTEL_TRACES_EXPORTER") != "none" {
		cfg, err := otlp.FromEnv(os.LookupEnv)
		if err != nil {
			return usageError("%w", err)
		}
		cfg.Version, cfg.Logf = version, logf
		exporter, err := otlp.New(cfg, tally)
		if err != nil {
			return err
		}
		o.use("otlp", exporter, tally)
	}
	if os.Getenv("OTEL_METRICS_EXPORTER") == "none" {
		return nil
	}
	p, err := metrics.NewOTLP(ctx, pipeline)
	if err != nil {
		return err
	}
	o.stops = append(o.stops, p.Shutdown)
	return nil
}

func (o *outputs) use(name string, e bridge.Exporter, t *bridge.Tally) {
	o.exporters, o.tallies, o.names = append(o.exporters, e), append(o.tallies, t), append(o.names, name)
}

func (o *outputs) stopMetrics(ctx context.Context) error {
	var errs []error
	for _, stop := range o.stops {
		errs = append(errs, stop(ctx))
	}
	o.stops = nil
	return errors.Join(errs...)
}

func (o *outputs) shutdown(ctx context.Context) error {
	var errs []error
	for _, stop := range o.logs {
		errs = append(errs, stop(ctx))
	}
	for _, e := range o.exporters {
		errs = append(errs, e.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

func (o *outputs) accounts() []bridge.Account {
	var all []bridge.Account
	for i, t := range o.tallies {
		all = append(all, bridge.Account{Exporter: o.names[i], TallyCounts: t.Counts()})
	}
	return all
}

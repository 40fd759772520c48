// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/clock"
	"github.com/spanbridge/spanbridge/exporters/metrics"
	"github.com/spanbridge/spanbridge/probes"
)

func runCommand() *cobra.Command {
	settings := defaultConfig()
	var file string
	readyFD := -1
	cmd := &cobra.Command{
		Use: "run", Short: "Find servers, attach, export spans and metrics until stopped", Args: exactArgs(0),
		Long: `Find running servers, attach to their probes and export spans and metrics until
interrupted. Servers that start later are found too.

The output otlp, which is the default, honours the OTEL_EXPORTER_OTLP_* variables.
At the end the ledger says what became of every probe hit.`,
		Example: `  sudo OTEL_EXPORTER_OTLP_ENDPOINT=http://tempo:4318 spanbridge run
  sudo spanbridge run --target mariadbd --export console --min-duration 10ms`,
	}
	settings.flags(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", "", "read settings from this `FILE`; flags override it")
	cmd.Flags().IntVar(&readyFD, "ready-fd", -1, "write the ready line to this file descriptor too")
	cmd.Flags().Lookup("ready-fd").DefValue = "0" // not shown: there is none
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := applyFile(cmd, &settings, file); err != nil {
			return &exitError{exitUsage, err}
		}
		collect := leaveGarbage()
		// The programs are loaded while profiles are read.
		settings.ahead = probes.GoAhead(settings.programs())
		if err := settings.validate(); err != nil {
			return &exitError{exitUsage, byFlags(cmd, err)}
		}
		if _, err := unix.FcntlInt(uintptr(readyFD), unix.F_GETFD, 0); readyFD >= 0 && err != nil {
			return usageError("--ready-fd %d: %w", readyFD, err)
		}
		return run(cmd.Context(), &settings, readyFD, collect)
	}
	return cmd
}

// applyFile lays the file's settings under those of the flags that were given.
func applyFile(cmd *cobra.Command, settings *config, file string) error {
	if file == "" {
		return nil
	}
	merged := defaultConfig()
	if err := merged.read(file); err != nil {
		return err
	}
	bound := pflag.NewFlagSet("", pflag.ContinueOnError)
	merged.flags(bound)
	var errs []error
	cmd.Flags().Visit(func(given *pflag.Flag) {
		to := bound.Lookup(given.Name)
		if to == nil {
			return
		}
		if list, ok := given.Value.(pflag.SliceValue); ok {
			errs = append(errs, to.Value.(pflag.SliceValue).Replace(list.GetSlice()))
			return
		}
		errs = append(errs, to.Value.Set(given.Value.String()))
	})
	*settings = merged
	return errors.Join(errs...)
}

// pipeline is a run: probes, assembler, outputs.
type pipeline struct {
	settings  *config
	session   *probes.Session
	assembler *bridge.Assembler
	outputs   outputs
}

func run(ctx context.Context, settings *config, readyFD int, ready func()) error {
	p, err := openPipeline(ctx, settings)
	if err != nil {
		return err
	}
	defer p.session.Close()
	if err := p.outputs.open(ctx, settings.Export); err != nil {
		return err
	}
	if err := p.announce(readyFD); err != nil {
		return errors.Join(err, p.outputs.shutdown(ctx))
	}
	ready()
	if settings.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, settings.Duration)
		defer cancel()
	}
	return p.carry(ctx)
}

func openPipeline(ctx context.Context, settings *config) (*pipeline, error) {
	// What OpenTelemetry's SDK cannot return as an error.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logf("%v", err) }))
	cfg, err := settings.probesConfig()
	if err != nil {
		return nil, err
	}
	trust, err := bridge.ParseTrust(settings.TrustContext)
	if err != nil {
		return nil, err
	}
	wall, err := clock.New()
	if err != nil {
		return nil, err
	}
	session, err := probes.Open(cfg)
	if err != nil {
		return nil, err
	}
	p := &pipeline{settings: settings, session: session}
	p.outputs.openAfter = settings.OpenAfter
	exemplars := &bridge.Exemplars{}
	p.assembler = bridge.NewAssembler(bridge.AssemblerConfig{
		Trust: trust, RawText: settings.RawText, Unsampled: settings.Unsampled,
	}, session, wall, exemplars)
	if p.outputs.resource, err = metrics.Resource(ctx, version); err != nil {
		logf("describe spanbridge itself: %v", err)
	}
	p.outputs.producer, err = metrics.NewProducer(metrics.Options{
		Source: session, Directory: session, Exemplars: exemplars, Ledger: p.ledgerRows, Version: version, Logf: logf,
	})
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return p, nil
}

// announce prints the line that says that every probe is attached, or why
// there is nothing to wait for.
func (p *pipeline) announce(readyFD int) error {
	report := p.session.Report()
	if err := p.nothingToSee(&report); err != nil {
		return err
	}
	line := fmt.Sprintf("ready targets=%d sites=%d", len(report.Targets), report.Sites)
	logf("%s", line)
	if len(report.Targets) == 0 && len(report.Hosts) == 0 {
		logf("no target is running yet: waiting for it")
	}
	if readyFD < 0 {
		return nil
	}
	f := os.NewFile(uintptr(readyFD), "ready-fd")
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		return fmt.Errorf("write to --ready-fd %d: %w", readyFD, err)
	}
	return nil
}

// nothingToSee is an error where targets run but none has a probe, or a pid was
// asked for that does not run.
func (p *pipeline) nothingToSee(report *probes.Report) error {
	if len(report.Targets) == 0 && len(report.Hosts) == 0 {
		for _, t := range p.settings.Targets {
			if target, err := probes.ParseTarget(t); err == nil && target.PID != 0 {
				return p.session.WhyNot(target.PID)
			}
		}
		return nil
	}
	var why []string
	for _, h := range report.Hosts {
		if len(h.Operations) > 0 {
			return nil
		}
		why = append(why, fmt.Sprintf("%s: %s", h.Profile, strings.Join(h.Reasons(), "; ")))
	}
	for _, t := range report.Targets {
		if len(t.Operations) > 0 {
			return nil
		}
		why = append(why, fmt.Sprintf("process %d (%s): %s", t.PID, t.Executable, strings.Join(t.Reasons(), "; ")))
	}
	return missingError("no probes to attach to; see which there are with: spanbridge probes list PID\n%s", strings.Join(why, "\n"))
}

// carry runs until the context ends, then delivers everything and settles the
// ledger.
func (p *pipeline) carry(ctx context.Context) error {
	b := bridge.Bridge{
		Source: p.session, Assembler: p.assembler, Exporters: p.outputs.exporters, Logf: logf,
		OpenAfter: p.settings.OpenAfter, Running: p.outputs.running,
	}
	counted := make(chan struct{})
	counts := liveCounts{source: p.session, out: p.outputs.console}
	go func() {
		defer close(counted)
		if p.outputs.console != nil {
			counts.run(ctx)
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- b.Run(context.WithoutCancel(ctx)) }()
	errs := []error{p.session.Watch(ctx), p.session.Drain(), <-ended}
	<-counted
	if p.outputs.console != nil {
		counts.print(time.Now())
	}

	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := p.outputs.stopMetrics(final); err != nil {
		logf("deliver the last metrics: %v", err)
	}
	if err := p.outputs.shutdown(final); err != nil {
		logf("deliver the last spans: %v", err)
	}
	return errors.Join(append(errs, p.settle())...)
}

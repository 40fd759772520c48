// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/examples/goapp/shop"
	"github.com/spanbridge/spanbridge/exporters/console"
	"github.com/spanbridge/spanbridge/integration/servers"
)

func demoCommand() *cobra.Command {
	var plugin string
	var export bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show spans of a private MariaDB under an application's trace", Args: exactArgs(0),
		Long: `Start a private MariaDB, a small application with tracing, and the bridge between
them; then draw what came out. Nothing on this machine is changed or kept.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), plugin, export) },
	}
	cmd.Flags().StringVar(&plugin, "plugin", "", "load this `FILE` into the server: the spanbridge plugin, which tells connection, user and errors")
	cmd.Flags().BoolVar(&export, "export", false, "send the spans to your backend too, as the OTEL_EXPORTER_OTLP_* variables say")
	return cmd
}

func demo(ctx context.Context, plugin string, export bool) (err error) {
	logf("starting a private MariaDB ...")
	var options []servers.Option
	if plugin != "" {
		options = append(options, servers.WithPlugin(plugin))
	}
	server, err := servers.StockMariaDB(ctx, options...)
	if errors.Is(err, servers.ErrMissing) {
		return missingError("%w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	settings := defaultConfig()
	settings.Targets, settings.Export = []string{strconv.Itoa(server.PID)}, []string{"none"}
	if export {
		settings.Export = []string{"otlp"}
	}
	p, err := openPipeline(ctx, &settings)
	if err != nil {
		return err
	}
	defer p.session.Close()
	if err := p.outputs.open(ctx, settings.Export); err != nil {
		return err
	}
	kept := &keeper{}
	p.outputs.use("demo", kept, &kept.tally)
	if err := p.announce(-1); err != nil {
		return err
	}
	app, err := newApplication(ctx, export)
	if err != nil {
		return err
	}
	if err := serveRequests(ctx, app, server.DSN); err != nil {
		return err
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.carry(done); err != nil {
		return err
	}
	if err := showDemo(append(app.spans(), kept.spans...), export); err != nil {
		return err
	}
	if err := app.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("export the application's spans: %w", err)
	}
	return nil
}

// serveRequests is the application at work.
func serveRequests(ctx context.Context, app *application, dsn string) error {
	s, err := shop.Open(ctx, dsn, app.provider)
	if err != nil {
		return err
	}
	defer s.Close()
	app.forget() // what filled the tables
	logf("an application serves two requests ...")
	if err := s.Checkout(ctx, "ada@example.org", 1); err != nil {
		return err
	}
	if err := s.Report(ctx); err == nil {
		return errors.New("the report should have failed")
	}
	return nil
}

// showDemo draws the application's traces with the server's spans in them.
func showDemo(all []bridge.Span, export bool) error {
	mine := make(map[bridge.TraceID]bool)
	for i := range all {
		if all[i].Kind == bridge.KindServer && all[i].Parent.IsZero() && serviceOf(&all[i]) == shopService {
			mine[all[i].TraceID] = true
		}
	}
	var drawn []bridge.Span
	adopted := 0
	for i := range all {
		if mine[all[i].TraceID] {
			drawn = append(drawn, all[i])
			if serviceOf(&all[i]) != shopService {
				adopted++
			}
		}
	}
	if adopted == 0 {
		return errors.New("no span of the server is in a trace of the application")
	}
	fmt.Println()
	if err := console.Render(os.Stdout, drawn, terminal(os.Stdout)); err != nil {
		return err
	}
	fmt.Printf("\nThe spans of %q are the application's own, made by otelsql. %d spans of \"mariadb\"\n"+
		"were taken from inside the server. Literals are replaced by ?.\n", shopService, adopted)
	if !export {
		fmt.Printf("\nTo see them in your own Jaeger, Tempo or Collector:\n" +
			"  OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318 spanbridge demo --export\n" +
			"To see your own server's statements:\n" +
			"  sudo spanbridge run --export console\n")
	}
	return nil
}

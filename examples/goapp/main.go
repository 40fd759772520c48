// SPDX-License-Identifier: Apache-2.0

// Command goapp is a Go application whose statements carry its trace context.
// Run it against a server that spanbridge observes, with both exporting to the
// same backend, and the server's spans appear under the application's. It prints
// the trace id of every request that it has served.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/spanbridge/spanbridge/examples/goapp/shop"
)

func main() {
	dsn := flag.String("dsn", "root@tcp(127.0.0.1:3306)/test", "data source `name` of the database")
	requests := flag.Int("requests", 5, "`number` of requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dsn, *requests); err != nil {
		fmt.Fprintln(os.Stderr, "goapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string, requests int) (err error) {
	provider, err := newProvider(ctx, os.Stdout)
	if err != nil {
		return err
	}
	// What is not exported yet is exported here, also after an interrupt.
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()

	s, err := shop.Open(ctx, dsn, provider)
	if err != nil {
		return err
	}
	defer s.Close()
	for i := range requests {
		if err := s.Checkout(ctx, fmt.Sprintf("customer%d@example.org", i), i%3+1); err != nil {
			return err
		}
	}
	if err := s.Report(ctx); err == nil {
		return errors.New("the report should have failed")
	}
	return nil
}

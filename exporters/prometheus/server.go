// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	maxScrapes     = 4 // at the same time; further ones get status 503
	scrapeTimeout  = 10 * time.Second
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// Server answers scrapes until Shutdown. It is safe for concurrent use.
type Server struct {
	listener net.Listener
	http     *http.Server
	provider *sdkmetric.MeterProvider
	served   chan error // holds what Serve returned
}

// New listens on addr and serves what the producer makes. An addr without a
// host, such as ":9464", means all addresses of the machine: everybody who can
// reach it can read the metrics, which hold the names of databases. Port 0
// takes a free one. A nil resource stands for the SDK's default. The caller must
// call Shutdown.
func New(addr string, producer sdkmetric.Producer, res *resource.Resource) (*Server, error) {
	if err := CheckAddr(addr); err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	registry := client.NewRegistry()
	reader, err := exporter.New(
		exporter.WithRegisterer(registry),
		exporter.WithProducer(producer),
		exporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		exporter.WithoutScopeInfo(), // there is one scope: its labels would tell nothing apart
	)
	if err != nil {
		return nil, fmt.Errorf("set up metrics for scraping: %w", err)
	}
	for _, c := range []client.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("set up metrics of this process: %w", err)
		}
	}
	options := []sdkmetric.Option{sdkmetric.WithReader(reader)}
	if res != nil {
		options = append(options, sdkmetric.WithResource(res))
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve metrics on %s: %w", addr, err)
	}
	s := &Server{
		listener: listener,
		http: &http.Server{
			Handler:           handler(registry),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout,
			WriteTimeout:      scrapeTimeout + headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
		provider: sdkmetric.NewMeterProvider(options...),
		served:   make(chan error, 1),
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Shutdown stops listening and waits for scrapes under way until ctx ends. It
// must be called once. It also tells if serving had ended by itself.
func (s *Server) Shutdown(ctx context.Context) error {
	var errs []error
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, err, s.http.Close())
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		errs = append(errs, err)
	}
	errs = append(errs, s.provider.Shutdown(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shut down metrics server on %s: %w", s.Addr(), err)
	}
	return nil
}

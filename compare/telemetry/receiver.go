// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

const (
	defaultLinger = 2500 * time.Millisecond // the server sends every second
	defaultMost   = 1 << 18
	endWithin     = 15 * time.Second
	settleWithin  = 10 * time.Second
)

// Options are what a receiver cannot find out by itself. The zero value is usable.
type Options struct {
	// DB asks the server at the end what it dropped, and whose the
	// connections are that are still open, and has it send a last span; nil: neither is known.
	DB *sql.DB
	// MaxText is the server's performance_schema_max_sql_text_length, 0: 1024.
	MaxText int
	// Linger is how long after the end spans are waited for, since the last ones came; 0 is enough for
	// a server that sends every second (telemetry.otel_bsp_schedule_delay).
	Linger time.Duration
	// Most is how many statements are kept until they are read, and until it is known whose
	// they are; 0 is a quarter of a million.
	Most int
}

// Receiver is the account of the spans that a server sends. It is used by one goroutine, and
// ended by its context from any.
type Receiver struct {
	ctx      context.Context
	options  Options
	endpoint string
	server   *http.Server
	served   chan struct{}
	arrived  chan struct{} // holds one: something came since it was looked
	settled  bool
	until    time.Time // after the end, when to give up

	mu     sync.Mutex // guards what follows, which requests change
	book   book
	losses losses
}

// Listen receives what is sent to a URL such as http://127.0.0.1:4318/v1/traces, which has to be of a loopback
// address; with port 0 one is chosen. It ends when ctx is done, and what was sent until
// XX
func Listen(ctx context.Context, endpoint string, o Options) (*Receiver, error) {
	at, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", at.Host)
	if err != nil {
		return nil, fmt.Errorf("receive the server's telemetry: %w", err)
	}
	at.Host = listener.Addr().String()
	if o.MaxText <= 0 {
		o.MaxText = 1024
	}
	if o.Linger <= 0 {
		o.Linger = defaultLinger
	}
	if o.Most <= 0 {
		o.Most = defaultMost
	}
	r := &Receiver{
		ctx: ctx, options: o, endpoint: at.String(), served: make(chan struct{}), arrived: make(chan struct{}, 1),
		book:   book{most: o.Most, maxText: o.MaxText},
		losses: losses{began: time.Now()},
	}
	r.serve(ctx, listener, at.Path)
	return r, nil
}

// parseEndpoint takes what an OTLP exporter sends to, if it is on this host.
func parseEndpoint(endpoint string) (*url.URL, error) {
	at, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if at.Scheme != "http" || at.Port() == "" || at.Path == "" {
		return nil, fmt.Errorf("endpoint %q is not of the form http://127.0.0.1:4318/v1/traces", endpoint)
	}
	if ip := net.ParseIP(at.Hostname()); at.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("endpoint %q is not on loopback", endpoint)
	}
	return at, nil
}

func (r *Receiver) serve(ctx context.Context, listener net.Listener, path string) {
	mux := http.NewServeMux()
	mux.Handle("POST "+path, newIntake(r.take, r.refused))
	r.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    log.New(io.Discard, "", 0), // what a stranger on loopback does wrong
	}
	go func() {
		defer close(r.served)
		_ = r.server.Serve(listener) // always ErrServerClosed
	}()
}

// Endpoint is where spans are received, as a server is told it.
func (r *Receiver) Endpoint() string { return r.endpoint }

// Next implements [compare.Account]. It waits for statements until the receiver's context is done.
func (r *Receiver) Next(s *compare.Statement) error {
	for {
		r.mu.Lock()
		ok := r.book.next(s)
		r.mu.Unlock()
		if ok {
			return nil
		}
		if r.settled {
			return io.EOF
		}
		r.wait()
	}
}

// wait returns once something may have come, or nothing will any more.
func (r *Receiver) wait() {
	select {
	case <-r.arrived:
		return
	case <-r.ctx.Done():
	}
	if r.until.IsZero() {
		r.until = time.Now().Add(endWithin)
		r.sendMark()
	}
	linger := r.options.Linger
	if r.markMissing() {
		linger = time.Until(r.until)
	}
	select {
	case <-r.arrived:
	case <-time.After(min(linger, time.Until(r.until))):
		_ = r.stop() // Close tells
		r.settle()
	}
}

// settle finds out, at the end, what only the server knows.
func (r *Receiver) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = true
	if r.options.DB != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), settleWithin)
		defer cancel()
		if err := r.book.identify(ctx, r.options.DB); err != nil {
			r.losses.add(compare.Loss{Why: WhyUnasked + err.Error()})
		}
		if err := r.losses.ask(ctx, r.options.DB, r.book.longest); err != nil {
			r.losses.add(compare.Loss{Why: WhyUnasked + err.Error()})
		}
	}
	r.book.end(&r.losses)
}

// Nature implements [compare.Account].
func (r *Receiver) Nature() compare.Nature {
	return compare.Nature{
		Name: "telemetry", Resolution: time.Microsecond,
		Fields: compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError,
			compare.FieldSQLState, compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined,
			compare.FieldDatabase, compare.FieldUser),
	}
}

// Losses implements [compare.Account].
func (r *Receiver) Losses() []compare.Loss {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.losses.all()
}

func (r *Receiver) stop() error {
	err := r.server.Close()
	<-r.served
	return err
}

// Close implements [compare.Account]: it stops receiving.
func (r *Receiver) Close() error {
	if err := r.stop(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop receiving the server's telemetry: %w", err)
	}
	return nil
}

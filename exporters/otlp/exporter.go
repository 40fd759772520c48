// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// ErrShutdown is returned by [Exporter.Export] after [Exporter.Shutdown].
var ErrShutdown = errors.New("export spans: exporter is shut down")

// batchEncoder encodes in two steps, so that a batch can be split before it is
// written.
type batchEncoder interface {
	prepare(batch []bridge.Span) (size int)
	write(dst []byte) []byte
}

// Exporter delivers spans to an OTLP receiver. It implements [bridge.Exporter].
type Exporter struct {
	config  Config
	tally   *bridge.Tally
	encoder batchEncoder // used by Export only
	buffers bufferPool
	queue   *queue
	sender  *sender
	senders sync.WaitGroup

	shutdown    sync.Once
	shutdownErr error
}

var _ bridge.Exporter = (*Exporter)(nil)

// New starts an exporter, which the caller must shut down. It reads the
// certificates but makes no connection: a receiver that is not there yet is no
// fault. tally counts what becomes of the spans; nil discards the counts.
func New(config Config, tally *bridge.Tally) (*Exporter, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure OTLP exporter: %w", err)
	}
	config = config.withDefaults()
	if tally == nil {
		tally = new(bridge.Tally)
	}
	x := &Exporter{
		config:  config,
		tally:   tally,
		encoder: &Encoder{Version: config.Version, SchemaURL: config.SchemaURL},
		queue:   newQueue(config.QueueSpans, config.QueueBytes),
	}
	if config.Protocol == ProtocolHTTPJSON {
		x.encoder = &JSONEncoder{Version: config.Version, SchemaURL: config.SchemaURL}
	}
	d, err := config.destination()
	if err != nil {
		return nil, fmt.Errorf("configure OTLP exporter: %w", err)
	}
	transport, err := x.newTransport(d)
	if err != nil {
		return nil, fmt.Errorf("configure OTLP exporter: %w", err)
	}
	x.sender = newSender(config, tally, transport, &notifier{endpoint: d.String(), logf: config.Logf, now: time.Now})
	for range config.Senders {
		x.senders.Go(x.deliverAll)
	}
	return x, nil
}

func (x *Exporter) newTransport(d destination) (transport, error) {
	if x.config.Protocol == ProtocolGRPC {
		return newGRPCTransport(x.config, d)
	}
	return newHTTPTransport(x.config, d, &x.buffers)
}

// Export encodes the batch into the queue. It never waits for the network.
// Every span is counted as taken; where the queue is full, the new spans are
// dropped. After Shutdown it drops all and returns [ErrShutdown].
func (x *Exporter) Export(_ context.Context, batch []bridge.Span) error {
	if len(batch) == 0 {
		return nil
	}
	x.tally.Take(len(batch))
	return x.enqueue(batch)
}

func (x *Exporter) enqueue(batch []bridge.Span) error {
	size := x.encoder.prepare(batch)
	if size > x.config.RequestBytes && len(batch) > 1 {
		half := len(batch) / 2
		return errors.Join(x.enqueue(batch[:half]), x.enqueue(batch[half:]))
	}
	b := x.buffers.get(size)
	b.data = x.encoder.write(b.data)
	switch x.queue.push(&request{body: b, spans: len(batch)}) {
	case pushFull:
		b.unref()
		x.tally.Drop(bridge.DropQueueFull, len(batch))
		x.sender.notifier.queueFull(len(batch))
	case pushClosed:
		b.unref()
		x.tally.Drop(bridge.DropShutdown, len(batch))
		return ErrShutdown
	}
	return nil
}

// deliverAll is one sender's work until the queue is closed and empty.
func (x *Exporter) deliverAll() {
	for {
		r, size := x.queue.pop()
		if r == nil {
			return
		}
		x.sender.deliver(r)
		x.queue.release(r.spans, size)
		r.body.unref()
	}
}

// Shutdown delivers what is queued, with retries, until ctx ends; what is left
// then is dropped. It returns the same when called again.
func (x *Exporter) Shutdown(ctx context.Context) error {
	x.shutdown.Do(func() { x.shutdownErr = x.stop(ctx) })
	return x.shutdownErr
}

func (x *Exporter) stop(ctx context.Context) error {
	defer x.sender.close()
	x.queue.close()
	x.sender.hurry()
	done := make(chan struct{})
	go func() {
		x.senders.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	left := x.queue.drain()
	x.tally.Drop(bridge.DropShutdown, left)
	x.sender.abort()
	<-done
	if left > 0 || x.sender.gaveUp.Load() {
		return fmt.Errorf("shut down OTLP exporter before all spans were delivered: %w", ctx.Err())
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/compare"
)

// Options say what to listen to.
type Options struct {
	// PID is the server's process, on the host; spans of others are left out. 0: of none.
	PID int
	// Most is how many statements are kept; one more is, too, for [compare.Collect] to notice.
	Most int
}

// Account keeps the statements among the spans that it is given. It is a [bridge.Exporter],
// and a [compare.Account] once that has been shut down.
type Account struct {
	options Options
	tally   *bridge.Tally

	mu         sync.Mutex
	statements []compare.Statement
	tiers      []string
	fields     compare.Fields
	texts      interner
	losses     losses
	next       int
}

var (
	_ bridge.Exporter = (*Account)(nil)
	_ compare.Account = (*Account)(nil)
)

// New makes an account, which counts in the tally what it was handed.
func New(o Options, tally *bridge.Tally) *Account {
	return &Account{options: o, tally: tally}
}

// Export implements [bridge.Exporter].
func (a *Account) Export(_ context.Context, batch []bridge.Span) error {
	a.tally.Take(len(batch))
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range batch {
		a.take(&batch[i])
	}
	a.tally.Ack(len(batch))
	return nil
}

// Shutdown implements [bridge.Exporter].
func (a *Account) Shutdown(context.Context) error { return nil }

// take keeps the statement of a span, if it is one.
func (a *Account) take(span *bridge.Span) {
	t := readSpan(span)
	if t.kind == none || a.options.PID != 0 && processOf(span.Resource) != a.options.PID || len(a.statements) > a.options.Most {
		return
	}
	s := t.statement(span, &a.texts)
	if s.Kind.Counts() {
		a.fields |= s.Has
	}
	if s.Kind.Counts() && !slices.Contains(a.tiers, t.tier) {
		a.tiers = append(a.tiers, a.texts.text(t.tier))
	}
	s.Ref = uint64(len(a.statements))
	a.statements = append(a.statements, s)
}

// processOf is the process that a span comes from.
func processOf(r *bridge.Resource) int {
	if r == nil {
		return 0
	}
	for i := range r.Attrs {
		if a := &r.Attrs[i]; a.Key == "process.pid" {
			return int(a.Int())
		}
	}
	return 0
}

// Tiers are the tiers of the profile that saw statements.
func (a *Account) Tiers() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.tiers)
}

// Next implements [compare.Account].
func (a *Account) Next(s *compare.Statement) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == len(a.statements) {
		return io.EOF
	}
	*s = a.statements[a.next]
	a.next++
	return nil
}

// Nature implements [compare.Account]. The time at which a probe is hit is known to the
// nanosecond.
func (a *Account) Nature() compare.Nature {
	a.mu.Lock()
	defer a.mu.Unlock()
	return compare.Nature{Name: "probes", Resolution: 1, Fields: a.fields}
}

// Losses implements [compare.Account].
func (a *Account) Losses() []compare.Loss {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.losses.found)
}

// Close implements [compare.Account].
func (a *Account) Close() error { return nil }

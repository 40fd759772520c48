// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/metrics"
)

// ledger accounts for everything so far.
func (p *pipeline) ledger() (*bridge.Ledger, error) {
	ops, err := p.session.Counts()
	if err != nil {
		return nil, err
	}
	l := &bridge.Ledger{Ops: ops, Records: p.assembler.Counts(), Exporters: p.outputs.accounts()}
	l.Records.DecodeErrors, l.Missed = p.session.DecodeErrors(), p.session.Missed()
	for i := range ops {
		op := p.session.Operation(ops[i].Op)
		l.Names = append(l.Names, op.Profile+"/"+op.Name+"/"+op.Tier)
	}
	return l, nil
}

// settle prints the closing ledger and judges it.
func (p *pipeline) settle() error {
	l, err := p.ledger()
	if err != nil {
		return err
	}
	printLedger(l)
	if err := l.Check(); err != nil {
		return fmt.Errorf("the ledger does not close\n%w", err)
	}
	logf("the ledger closes")
	if allowed := p.settings.MaxLost; allowed >= 0 && l.Lost() > uint64(allowed) {
		return &exitError{exitLoss, fmt.Errorf("%d operations or spans were lost, %d are allowed", l.Lost(), allowed)}
	}
	return nil
}

// printLedger says in a few lines what became of every hit. Numbers that are
// zero and would be bad are left out.
func printLedger(l *bridge.Ledger) {
	for i := range l.Ops {
		c := &l.Ops[i]
		if c.Points > 0 {
			logf("ledger: %s: points=%d", l.Names[i], c.Points)
		}
		if c.Starts+c.Dones == 0 {
			continue
		}
		logf("ledger: %s: starts=%d paired=%d%s", l.Names[i], c.Starts, c.Paired, pairs(
			"open", c.Open, "replaced", c.Replaced, "overflow", c.Overflow, "no_storage", c.NoStorage,
			"abandoned", c.Abandoned, "no_start", c.NoStart, "outside", c.Outside,
			"filtered", c.Filtered, "sampled", c.Sampled, "inlined", c.Inlined,
			"ring_full", c.RingFull, "kernel_errors", c.KernelErrors, "submitted", c.Submitted,
			"histogram_lost", c.HistogramLost, "notes", c.Notes, "unwanted", c.Unwanted, "untimed", c.Untimed, "unfinished", c.Unfinished))
	}
	r := &l.Records
	logf("ledger: records: received=%d spans=%d%s", r.Received, r.Spans(), pairs(
		"missed", l.Missed, "decode_errors", r.DecodeErrors, "unsampled", r.Unsampled, "unknown", r.Unknown, "noted", r.Noted,
		"children", r.Children, "adopted", r.Adopted, "linked", r.Linked, "stale", r.Stale,
		"malformed_context", r.Malformed, "ambiguous_context", r.Ambiguous, "orphaned", r.Orphaned,
		"forgotten", r.Forgotten, "faulty", r.Faulty))
	for _, a := range l.Exporters {
		logf("ledger: %s: taken=%d acked=%d%s", a.Exporter, a.Taken, a.Acked, exporterPairs(&a))
	}
}

func exporterPairs(a *bridge.Account) string {
	list := []any{"rejected", a.Rejected, "queued", a.Queued, "retries", a.Retries}
	for _, reason := range bridge.DropReasons() {
		list = append(list, "dropped_"+reason.String(), a.Dropped[reason])
	}
	return pairs(list...)
}

// pairs renders names and numbers, leaving out zeros.
func pairs(list ...any) string {
	var b strings.Builder
	for i := 0; i < len(list); i += 2 {
		if n := list[i+1].(uint64); n > 0 {
			fmt.Fprintf(&b, " %s=%d", list[i], n)
		}
	}
	return b.String()
}

// ledgerRows is the ledger as metrics.
func (p *pipeline) ledgerRows() []metrics.LedgerRow {
	l, err := p.ledger()
	if err != nil {
		return nil
	}
	var rows []metrics.LedgerRow
	add := func(name, unit, description string, value uint64, monotonic bool, attrs ...bridge.Attr) {
		rows = append(rows, metrics.LedgerRow{
			Name: name, Unit: unit, Description: description, Value: int64(value), Monotonic: monotonic, Attrs: attrs,
		})
	}
	for i := range l.Ops {
		c := &l.Ops[i]
		if p.session.Operation(c.Op).Point {
			continue // their counter is a metric of its own
		}
		op := bridge.String("spanbridge.operation", l.Names[i])
		add("spanbridge.operations.open", "{operation}", "Operations begun and not ended.", c.Open, false, op)
		for outcome, n := range map[string]uint64{
			"submitted": c.Submitted, "filtered": c.Filtered, "sampled": c.Sampled, "inlined": c.Inlined,
			"ring_full": c.RingFull, "kernel_errors": c.KernelErrors, "replaced": c.Replaced,
			"overflow": c.Overflow, "no_storage": c.NoStorage, "abandoned": c.Abandoned, "no_start": c.NoStart,
		} {
			add("spanbridge.operations", "{operation}", "Operations seen by probes, by what became of them.", n, true,
				op, bridge.String("spanbridge.outcome", outcome))
		}
	}
	for _, a := range l.Exporters {
		exporter := bridge.String("spanbridge.exporter", a.Exporter)
		outcomes := map[string]uint64{"acked": a.Acked, "rejected": a.Rejected}
		for _, reason := range bridge.DropReasons() {
			outcomes["dropped_"+reason.String()] = a.Dropped[reason]
		}
		for outcome, n := range outcomes {
			add("spanbridge.spans", "{span}", "Spans handed to an exporter, by what became of them.", n, true,
				exporter, bridge.String("spanbridge.outcome", outcome))
		}
		add("spanbridge.spans.queued", "{span}", "Spans that wait for delivery.", a.Queued, false, exporter)
	}
	return rows
}

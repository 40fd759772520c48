// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// Trust says what becomes of a trace context that a statement carries. The
// client chooses it freely, so it is never a proof, and it never makes a span
// of an operation that was not chosen anyway.
type Trust uint8

// The policies.
const (
	TrustParent Trust = iota // the application's span becomes the parent
	TrustLink                // the span is in a trace of its own, with a link
	TrustOff                 // the context is not looked at
)

// ParseTrust reads a policy: parent, link or off.
func ParseTrust(s string) (Trust, error) {
	switch s {
	case "parent":
		return TrustParent, nil
	case "link":
		return TrustLink, nil
	case "off":
		return TrustOff, nil
	}
	return 0, fmt.Errorf("unknown policy %q: want parent, link or off", s)
}

// adopt gives a span its trace. It returns false if the span is not to be made,
// because its application does not sample the trace that it runs under.
func (a *Assembler) adopt(span *Span, r *Record, v *verdict) bool {
	a.countResult(v.result)
	if a.cfg.Trust == TrustOff {
		span.TraceID = a.ids.traceOf(r)
		return true
	}
	found := v.result == sqltext.Found
	if found && !v.context.Sampled() && !a.cfg.Unsampled {
		return false
	}
	first := len(a.links)
	if found && a.cfg.Trust == TrustParent {
		span.TraceID, span.Parent, span.TraceState = v.context.TraceID, v.context.ParentID, a.state(&v.context)
		span.Flags = flagRemoteParent | uint32(v.context.Flags)
		a.counts.Adopted++
	} else {
		span.TraceID = a.ids.traceOf(r)
		if found {
			a.link(&v.context, nil)
			a.counts.Linked++
		}
	}
	if v.isStale {
		a.link(&v.stale, a.stale[:])
		a.counts.Stale++
	}
	span.Links = a.links[first:len(a.links):len(a.links)]
	return true
}

// link appends a link to the span that a carrier names.
func (a *Assembler) link(c *sqltext.Carrier, attrs []Attr) {
	a.links = append(a.links, Link{
		TraceID: c.TraceID, SpanID: c.ParentID, TraceState: a.state(c),
		Flags: flagRemoteParent | uint32(c.Flags), Attrs: attrs,
	})
}

// state returns the tracestate of a carrier.
func (a *Assembler) state(c *sqltext.Carrier) string {
	a.name = c.AppendState(a.name[:0])
	return a.names.text(a.name)
}

func (a *Assembler) countResult(r sqltext.Result) {
	switch r {
	case sqltext.Malformed:
		a.counts.Malformed++
	case sqltext.Ambiguous:
		a.counts.Ambiguous++
	}
}

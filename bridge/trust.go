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
// because its application does not sample the trace.
func (a *Assembler) adopt(span *Span, st *statement) bool {
	a.countResult(st.result)
	if a.cfg.Trust == TrustOff || st.result != sqltext.Found {
		span.TraceID = a.ids.trace()
		return true
	}
	if !st.carrier.Sampled() && !a.cfg.Unsampled {
		return false
	}
	a.name = st.carrier.AppendState(a.name[:0])
	state := a.names.text(a.name)
	if a.cfg.Trust == TrustLink {
		span.TraceID = a.ids.trace()
		first := len(a.links)
		a.links = append(a.links, Link{
			TraceID: st.carrier.TraceID, SpanID: st.carrier.ParentID, TraceState: state,
			Flags: flagRemoteParent | uint32(st.carrier.Flags),
		})
		span.Links = a.links[first:len(a.links):len(a.links)]
		a.counts.Linked++
		return true
	}
	span.TraceID, span.Parent, span.TraceState = st.carrier.TraceID, st.carrier.ParentID, state
	span.Flags = flagRemoteParent | uint32(st.carrier.Flags)
	a.counts.Adopted++
	return true
}

func (a *Assembler) countResult(r sqltext.Result) {
	switch r {
	case sqltext.Malformed:
		a.counts.Malformed++
	case sqltext.Ambiguous:
		a.counts.Ambiguous++
	}
}

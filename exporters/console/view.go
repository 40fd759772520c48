// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/hex"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/inert"
)

const (
	maxNameColumns  = 80
	maxItemColumns  = 48
	maxErrorColumns = 200
	shownIDBytes    = 4
)

// view is what is drawn of a span. It owns its strings, and they are inert.
type view struct {
	trace   bridge.TraceID
	span    bridge.SpanID
	parent  bridge.SpanID
	startNs int64
	endNs   int64
	failed  bool
	name    string
	service string
	fault   string   // what went wrong, if anything did
	items   []string // key attributes, those that matter most first
	text    string   // the statement
	link    string   // reference to a span of another trace
}

func makeView(s *bridge.Span, columns int) view {
	v := view{
		trace:   s.TraceID,
		span:    s.SpanID,
		parent:  s.Parent,
		startNs: s.StartNs,
		endNs:   max(s.EndNs, s.StartNs),
		failed:  s.Status == bridge.StatusError,
		name:    inert.Cut(s.Name, maxNameColumns),
		service: inert.Cut(serviceOf(s.Resource), maxItemColumns),
	}
	if v.name == "" {
		v.name = "(no name)"
	}
	if len(s.Links) > 0 {
		l := &s.Links[0]
		v.link = "↗ link " + shortHex(l.SpanID[:]) + " in trace " + shortHex(l.TraceID[:])
	}
	v.fill(s, columns)
	return v
}

// fill picks the key attributes in one pass and puts them into a fixed order.
func (v *view) fill(s *bridge.Span, columns int) {
	var status, kind, namespace, user, connection, rows, affected, cut string
	var times split
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if times.take(a) {
			continue
		}
		switch a.Key {
		case "db.query.text", "db.statement":
			v.text = inert.Cut(a.Text(), columns)
		case "db.response.status_code":
			status = a.Text()
		case "error.type":
			kind = a.Text()
		case "db.namespace":
			namespace = a.Text()
		case "user.name":
			user = a.Text()
		case "spanbridge.connection.id":
			connection = "conn " + a.Text()
		case "db.response.returned_rows", "spanbridge.sort.rows":
			rows = plural(a.Text(), "row")
		case "spanbridge.rows.affected":
			affected = a.Text() + " affected"
		case "spanbridge.query.truncated":
			if a.Bool() {
				cut = "text cut"
			}
		}
	}
	if v.failed {
		v.fault = inert.Cut(faultOf(status, kind, s.StatusText), maxErrorColumns)
	}
	for _, item := range []string{namespace, times.text(v.endNs - v.startNs), rows, affected, cut, connection, user} {
		if item != "" {
			v.items = append(v.items, inert.Cut(item, maxItemColumns))
		}
	}
}

func faultOf(status, kind, message string) string {
	fault := "failed"
	switch {
	case status != "":
		fault = "error " + status
	case kind != "" && kind != "_OTHER":
		fault = kind
	}
	if message != "" {
		fault += ": " + message
	}
	return fault
}

func plural(n, unit string) string {
	if n == "1" {
		return "1 " + unit
	}
	return n + " " + unit + "s"
}

func serviceOf(r *bridge.Resource) string {
	if r == nil {
		return ""
	}
	for i := range r.Attrs {
		if r.Attrs[i].Key == "service.name" {
			return r.Attrs[i].Text()
		}
	}
	return ""
}

func shortHex(id []byte) string {
	return hex.EncodeToString(id[:shownIDBytes]) + ellipsis
}

func (v *view) parentMark() string {
	return "↑ parent " + shortHex(v.parent[:])
}

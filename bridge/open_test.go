// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnfinishedOperationsSaySo(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) {
		r.Flags |= FlagUnfinished
		r.Values[0] = 0 // the number of the connection is not known
		r.Entries = []Entry{{Op: opSort, Depth: 1, StartNs: 2000, DurationNs: 249_000, Flags: FlagUnfinished, Value: 3}}
	}))
	spans := a.Spans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	if spans[0].Status != StatusUnset || spans[0].EndNs-spans[0].StartNs != 250_000 {
		t.Errorf("span %+v", spans[0])
	}
	want := map[string]string{
		"db.system.name": "mariadb", "spanbridge.command": "Query", "db.namespace": "shop", "user.name": "ada",
		"db.query.text": "SELECT ?", "db.query.summary": "SELECT", "server.port": "3306", "thread.id": "8",
		"spanbridge.tier": "plugin", "spanbridge.unfinished": "true",
	}
	if diff := cmp.Diff(want, attrsOf(&spans[0])); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if attrsOf(&spans[1])["spanbridge.unfinished"] != "true" {
		t.Errorf("inner span %+v", spans[1])
	}
}

func TestAnOperationWhoseThreadEndedFailed(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(query("SELECT 1", func(r *Record) { r.Flags |= FlagUnfinished | FlagFailed }))
	s := &a.Spans()[0]
	if s.Status != StatusError || s.StatusText != "the serving thread ended first" || attrsOf(s)["error.type"] != "_OTHER" {
		t.Errorf("span %+v", s)
	}
}

func TestAnUnfinishedStatementSetsNothing(t *testing.T) {
	a := newAssembler(AssemblerConfig{})
	a.Add(whole("SET @traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'", func(r *Record) { r.Flags |= FlagUnfinished }))
	a.Add(whole("SELECT 1", func(r *Record) { r.Seq = 2 }))
	if s := &a.Spans()[1]; !s.Parent.IsZero() {
		t.Errorf("span %+v is under the context that was not set", s)
	}
}

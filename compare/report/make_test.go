// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/compare/report/reporttest"
)

func account(t *testing.T, r *report.Result, name string) *report.Account {
	t.Helper()
	for i := range r.Accounts {
		if r.Accounts[i].Name == name {
			return &r.Accounts[i]
		}
	}
	t.Fatalf("no account %s", name)
	return nil
}

func verdict(t *testing.T, r *report.Result, a, b string) *report.Verdict {
	t.Helper()
	for i := range r.Verdicts {
		if r.Verdicts[i].A == a && r.Verdicts[i].B == b {
			return &r.Verdicts[i]
		}
	}
	t.Fatalf("no verdict of %s and %s", a, b)
	return nil
}

func lacks(all []report.Missing, reason compare.Reason) int {
	for _, m := range all {
		if m.Reason == string(reason) {
			return m.Count
		}
	}
	return 0
}

const overwritten = "overwritten in events_statements_history_long before it was read"

func TestCoverageIsOfTheReferenceAndNamesWhatIsLost(t *testing.T) {
	r := reporttest.Sample()
	if r.Reference != "journal" || account(t, r, "journal").Coverage != nil {
		t.Errorf("the reference is %s, want journal, without a coverage of its own", r.Reference)
	}
	for _, name := range []string{"probes", "generallog"} {
		if c := account(t, r, name).Coverage; c.Share != 1 || c.Seen != c.Expected || len(c.Lacks) != 0 {
			t.Errorf("%s: %+v, want all", name, c)
		}
	}
	history := account(t, r, "perfschema")
	c := history.Coverage
	if lost := lacks(c.Lacks, overwritten); lost == 0 || c.Seen+lost != c.Expected || c.Unexplained != 0 {
		t.Errorf("perfschema: %+v, want what it lost by its name", c)
	}
	if want := []report.Loss{{Why: overwritten, Stretches: 1, Statements: uint64(c.Expected - c.Seen)}}; !cmp.Equal(history.Losses, want) {
		t.Errorf("losses of perfschema: %s", cmp.Diff(want, history.Losses))
	}
	if history.Other != 12 {
		t.Errorf("perfschema tells of %d that are no statements, want 12", history.Other)
	}
	if c := account(t, r, "slowlog").Coverage; lacks(c.Lacks, compare.ReasonShort) != c.Expected-c.Seen || c.Unexplained != 0 {
		t.Errorf("slowlog: %+v, want all the rest below the threshold", c)
	}
	if a := account(t, r, "telemetry"); a.Error == "" {
		t.Errorf("telemetry: %+v, want why it could not be had", a)
	}
}

func TestLatencyIsTheSameConstantOrVaries(t *testing.T) {
	r := reporttest.Sample()
	if l := verdict(t, r, "probes", "generallog").Latency; l != nil {
		t.Errorf("a general log has no latency: %+v", l)
	}
	l := verdict(t, r, "journal", "probes").Latency
	if l.Kind != report.Constant || l.MedianNs > -20e3 || l.MedianNs < -50e3 {
		t.Errorf("journal and probes: %s, %d ns, want constant, some 30 µs", l.Kind, l.MedianNs)
	}
	n := l.Histogram.Below + l.Histogram.Above
	for _, c := range l.Histogram.Counts {
		n += c
	}
	if n != l.Pairs || len(l.Histogram.EdgesNs) != len(l.Histogram.Counts)+1 || !slices.IsSorted(l.Histogram.EdgesNs) {
		t.Errorf("the histogram has %d, want %d", n, l.Pairs)
	}
	if len(l.Scatter) != 400 || len(l.Worst) != 5 {
		t.Errorf("%d points and %d of the worst, want 400 and 5", len(l.Scatter), len(l.Worst))
	}
}

func TestFieldsAreHeldAgainstTheFirstThatTellsThem(t *testing.T) {
	r := reporttest.Sample()
	standards := make(map[string]string)
	told := make(map[string]report.FieldTold)
	for _, f := range r.Fields {
		standards[f.Field] = f.Standard
		for _, a := range f.Accounts {
			told[f.Field+" "+a.Account] = a
		}
	}
	want := map[string]string{
		"text": "journal", "duration": "journal", "lock time": "perfschema", "error": "journal", "sqlstate": "perfschema",
		"rows sent": "journal", "rows affected": "perfschema", "rows examined": "probes", "database": "journal", "user": "journal",
	}
	if !cmp.Equal(standards, want) {
		t.Error(cmp.Diff(want, standards))
	}
	if a := told["rows examined slowlog"]; a.Differ == 0 || a.Equal < 10*a.Differ {
		t.Errorf("rows examined of the slow log: %+v, want a few that differ", a)
	}
	if a := told["text generallog"]; a.Differ != 0 || a.Equal != account(t, r, "journal").Statements {
		t.Errorf("texts of the general log: %+v, want all equal", a)
	}
}

func TestAClockThatIsOffIsTold(t *testing.T) {
	offsets := verdict(t, reporttest.Sample(), "journal", "slowlog").Offsets
	if len(offsets) != 1 || offsets[0].Ns/1e9 != 3600 {
		t.Errorf("offsets of the slow log: %+v, want an hour", offsets)
	}
}

func TestJSONIsReadAsItWasWritten(t *testing.T) {
	r := reporttest.Sample()
	var text bytes.Buffer
	if err := r.JSON(&text); err != nil {
		t.Fatal(err)
	}
	again, err := report.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(again, r) {
		t.Error(cmp.Diff(r, again))
	}
	if _, err := report.Read(bytes.NewBufferString(`{"format":"spanbridge.compare/0"}`)); err == nil {
		t.Error("another format was read")
	}
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/bridge/units"
	"github.com/spanbridge/spanbridge/compare/cost"
)

const gap = 2

func (t *table) coverage() {
	t.title(t.w.say("coverage"), t.w.say("coverage.short", "reference", t.Reference))
	names := t.names()
	cells := 10
	if t.width >= 90 {
		cells = 20
	}
	for i := range t.Accounts {
		a := &t.Accounts[i]
		t.to(gap)
		t.put(plain, cut(a.Name, names))
		t.to(gap + names + gap)
		switch c := a.Coverage; {
		case a.Error != "":
			t.unavailable(a.Error)
		case a.Name == t.Reference:
			t.wrap(dim, t.w.say("coverage.reference", "n", units.Count(a.Statements)))
		case c == nil:
			t.wrap(dim, t.w.say("coverage.unjudged"))
		case c.Expected+len(c.Extra) == 0:
			t.wrap(dim, t.w.say("coverage.none"))
		default:
			t.covered(c, cells)
		}
	}
}

// unavailable says why something could not be had.
func (t *table) unavailable(why string) {
	t.wrap(dim, t.w.say("coverage.unavailable")+" "+strings.ReplaceAll(why, "\n", "; "))
}

// covered draws the bar, the figures and what is missing.
func (t *table) covered(c *Coverage, cells int) {
	seen := 0
	if c.Expected > 0 {
		seen = c.Seen * cells / c.Expected
	}
	unknown := 0
	if c.Unexplained > 0 {
		unknown = max(c.Unexplained*cells/c.Expected, 1)
	}
	seen = min(seen, cells-unknown)
	state := yellow
	switch {
	case c.Unexplained > 0:
		state = red
	case c.Seen == c.Expected:
		state = green
	}
	t.put(state, strings.Repeat("█", seen))
	t.put(dim, strings.Repeat("░", cells-seen-unknown))
	t.put(red, strings.Repeat("▒", unknown))
	t.right(state, t.w.percent(c.Share), t.at+8)
	t.right(plain, units.Count(c.Seen), t.at+gap+8)
	if len(c.Lacks)+len(c.Extra) == 0 {
		t.line()
		return
	}
	var parts []string
	for _, m := range c.Lacks {
		parts = append(parts, units.Count(m.Count)+" "+t.w.reason(m.Reason))
	}
	for _, m := range c.Extra {
		parts = append(parts, t.w.say("coverage.extra")+" "+units.Count(m.Count)+" "+t.w.reason(m.Reason))
	}
	text := strings.Join(parts, ", ")
	t.below(text)
	t.wrap(plain, text)
}

// leastColumn is how wide a text must be allowed to be, that it need not go below what stands before it.
const leastColumn = 48

// below moves on by a gap, or to a line of its own if a text has too little room.
func (t *table) below(text string) {
	if room := t.width - t.at - gap; room < leastColumn && room < inert.Columns(text) {
		t.line()
		t.to(2 * gap)
		return
	}
	t.to(t.at + gap)
}

func (t *table) latency() {
	t.title(t.w.say("latency"), t.w.say("latency.short"))
	widest := 0
	var rows []*Verdict
	for i := range t.Verdicts {
		if v := &t.Verdicts[i]; v.Latency != nil {
			rows = append(rows, v)
			widest = max(widest, inert.Columns(v.B+" − "+v.A))
		}
	}
	if len(rows) == 0 {
		t.to(gap)
		t.wrap(dim, t.w.say("latency.none"))
		return
	}
	widest = min(widest, t.width-gap-11-14)
	for _, v := range rows {
		t.apart(v, widest)
	}
	if best := t.best(); best != nil {
		t.to(gap)
		t.wrap(plain, says(t.w, best))
		for _, f := range only(t.w, best) {
			t.to(gap)
			t.wrap(dim, f.Label+": "+f.Value)
		}
	}
}

// apart draws the difference of a pair, whose names have so much room.
func (t *table) apart(v *Verdict, names int) {
	l := v.Latency
	t.to(gap)
	t.put(plain, cut(v.B+" − "+v.A, names))
	t.right(bold, t.w.difference(l.MedianNs), gap+names+11)
	t.put(plain, "  ")
	t.put(kindStyle(l.Kind), t.w.say("latency.kind."+l.Kind))
	text := t.w.say("latency.spread", "p5", t.w.difference(l.P5Ns), "p95", t.w.difference(l.P95Ns), "near", t.w.percent(l.NearShare))
	if t.below(text); t.at > 2*gap {
		t.to(gap + names + 11 + 14)
	}
	t.wrap(dim, text)
}

func kindStyle(kind string) style {
	switch kind {
	case Same:
		return green
	case Constant:
		return plain
	}
	return yellow
}

// clocks tells of those that are off, and of losses.
func (t *table) clocks() {
	var off []string
	for _, c := range t.Result.clocks(t.w) {
		if c.Off {
			off = append(off, strings.TrimSpace(c.Text+" "+c.Hint))
		}
	}
	off = append(off, t.losses(t.w)...)
	if len(off) == 0 {
		return
	}
	t.title(t.w.say("losses"), "")
	for _, text := range off {
		t.to(gap)
		t.wrap(yellow, text)
	}
}

// mostLines bounds the messages of the error log.
const mostLines = 5

func (t *table) messages() {
	if len(t.Messages) == 0 {
		return
	}
	t.title(t.w.say("messages"), "")
	for _, i := range t.gravest(mostLines) {
		m := &t.Messages[i]
		state := plain
		switch m.Severity {
		case "Error":
			state = red
		case "Warning":
			state = yellow
		}
		t.to(gap)
		t.wrap(state, t.w.say("messages.line", "at", m.At.Format("15:04:05"), "severity", t.w.known("severity."+m.Severity, m.Severity), "text", m.Text))
	}
}

// fields draws the matrix, in as many parts as the width asks for.
func (t *table) fields() {
	m := t.matrix(t.w)
	if m == nil {
		return
	}
	t.title(t.w.say("fields"), t.w.say("fields.short"))
	label := 0
	for _, row := range m.Rows {
		label = max(label, inert.Columns(row.Label))
	}
	for from := 0; from < len(m.Accounts); {
		to, at := from, gap+label
		for to < len(m.Accounts) && (to == from || at+gap+t.cellWidth(m, to) <= t.width) {
			at += gap + t.cellWidth(m, to)
			to++
		}
		t.part(m, from, to, label)
		from = to
	}
}

func (t *table) cellWidth(m *matrix, column int) int {
	n := min(inert.Columns(m.Accounts[column]), 16)
	for _, row := range m.Rows {
		n = max(n, inert.Columns(row.Cells[column].Text))
	}
	return n
}

// part draws some of the accounts.
func (t *table) part(m *matrix, from, to, label int) {
	end := gap + label
	for i := from; i < to; i++ {
		end += gap + t.cellWidth(m, i)
		t.right(dim, cut(m.Accounts[i], 16), end)
	}
	t.line()
	for _, row := range m.Rows {
		t.to(gap)
		t.put(plain, row.Label)
		end = gap + label
		for i := from; i < to; i++ {
			end += gap + t.cellWidth(m, i)
			t.right(cellStyles[row.Cells[i].Class], row.Cells[i].Text, end)
		}
		t.line()
	}
}

var cellStyles = map[string]style{
	"equal": green, Same: green, "near": yellow, Varies: yellow, "differ": red, "untold": dim, "standard": dim,
}

func (t *table) cost() {
	if t.Cost == nil {
		return
	}
	t.title(t.w.say("cost"), t.w.say("cost.short", "load", t.Cost.Load, "slices", units.Count(t.Cost.Slices)))
	names := 0
	for i := range t.Cost.Methods {
		names = max(names, inert.Columns(t.Cost.Methods[i].Name))
	}
	for i := range t.Cost.Methods {
		m := &t.Cost.Methods[i]
		t.to(gap)
		t.put(plain, cut(m.Name, 24))
		t.to(gap + min(names, 24) + gap)
		switch {
		case m.Missing != "":
			t.unavailable(m.Missing)
		case m.Name == cost.Nothing:
			t.wrap(dim, t.w.say("cost.base", "cpu", t.w.duration(int64(1e3*m.CPUMicros)), "rate", units.Count(int(m.PerSecond))))
		default:
			t.costOf(m)
		}
	}
}

func (t *table) costOf(m *cost.Method) {
	state := yellow
	if m.CPU.Overlaps(t.control()) {
		state = dim
	}
	t.put(state, "×"+ratio(m.CPU.Value))
	t.put(dim, " ("+ratio(m.CPU.Low)+" … "+ratio(m.CPU.High)+")")
	for _, more := range []struct {
		key string
		of  cost.Ratio
	}{{"throughput", m.Throughput}, {"p50", m.P50}, {"p99", m.P99}} {
		text := strings.ToLower(t.w.say("cost."+more.key)) + " ×" + ratio(more.of.Value)
		if !more.of.IsZero() && t.at+gap+inert.Columns(text) <= t.width {
			t.put(plain, "  "+text)
		}
	}
	t.line()
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"

	"github.com/spanbridge/spanbridge/bridge/units"
	"github.com/spanbridge/spanbridge/compare/cost"
)

// costChart shows what each method costs.
type costChart struct {
	Note       string
	Ticks      []tick
	One        float64 // where the ratio 1 lies
	Low, Width float64 // of what chance gives
	Columns    []string
	Rows       []costRow
}

type costRow struct {
	Name, Label, Detail, Missing string
	Kind                         string // "noise" if the interval touches the control's
	Value                        figure
	From, Width, At              float64
	Range, Alt                   string
	More                         []labelled
}

func (r *Result) costChart(w *words) *costChart {
	if r.Cost == nil || len(r.Cost.Methods) == 0 {
		return nil
	}
	low, high := 0.98, 1.02
	for i := range r.Cost.Methods {
		if e := r.Cost.Methods[i].CPU; !e.IsZero() {
			low, high = min(low, e.Low), max(high, e.High)
		}
	}
	x := linearAxis(low-0.02*(high-low), high+0.02*(high-low), 4, func(v float64) string { return "×" + trimmed(v) })
	for i := range x.ticks {
		x.ticks[i].Zero = math.Abs(x.ticks[i].At-x.at(1)) < 0.01
	}
	c := &costChart{Ticks: x.ticks, One: x.at(1), Note: w.say("cost.note", "load", r.Cost.Load, "server", r.Cost.Server,
		"slices", units.Count(r.Cost.Slices), "slice", w.duration(int64(r.Cost.Slice)))}
	for _, key := range []string{"throughput", "p50", "p99", "micros", "outside", "bytes"} {
		c.Columns = append(c.Columns, w.say("cost."+key))
	}
	control := r.control()
	if !control.IsZero() {
		c.Low = x.at(control.Low)
		c.Width = x.at(control.High) - c.Low
	}
	for i := range r.Cost.Methods {
		m := &r.Cost.Methods[i]
		row := costRow{Name: m.Name, Label: w.known("method."+m.Name, w.account(m.Name)), Detail: w.known("does."+m.Name, m.Detail), Missing: m.Missing}
		if m.Missing == "" {
			row.fill(w, m, fmt.Sprintf("cost.methods.%d.", i), x)
			if m.Name != cost.Nothing && m.CPU.Overlaps(control) {
				row.Kind = "noise"
			}
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// control is what the ratio of nothing to nothing came to.
func (r *Result) control() cost.Ratio {
	for i := range r.Cost.Methods {
		if r.Cost.Methods[i].Name == cost.Control {
			return r.Cost.Methods[i].CPU
		}
	}
	return cost.Ratio{}
}

func (row *costRow) fill(w *words, m *cost.Method, path string, x *axis) {
	if !m.CPU.IsZero() {
		row.Value = figure{"×" + ratio(m.CPU.Value), path + "cpu.value"}
		row.Range = ratio(m.CPU.Low) + " … " + ratio(m.CPU.High)
		row.From, row.At = x.at(m.CPU.Low), x.at(m.CPU.Value)
		row.Width = x.at(m.CPU.High) - row.From
		row.Alt = w.say("cost.strip", "value", ratio(m.CPU.Value), "low", ratio(m.CPU.Low), "high", ratio(m.CPU.High))
	}
	for _, more := range []struct {
		key string
		of  cost.Ratio
	}{{"throughput", m.Throughput}, {"p50", m.P50}, {"p99", m.P99}} {
		value := figure{w.say("cost.unmeasured"), ""}
		if !more.of.IsZero() {
			value = figure{"×" + ratio(more.of.Value), path + more.key + ".value"}
		}
		row.More = append(row.More, labelled{w.say("cost." + more.key), value})
	}
	row.More = append(row.More,
		labelled{w.say("cost.micros"), figure{w.duration(int64(1e3 * m.CPUMicros)), path + "cpu_micros"}},
		labelled{w.say("cost.outside"), figure{w.duration(int64(1e3 * m.OutsideMicros)), path + "outside_micros"}},
		labelled{w.say("cost.bytes"), figure{w.say("cost.bytes-unit", "n", units.Count(int(math.Round(m.BytesPerStatement)))), path + "bytes_per_statement"}},
	)
}

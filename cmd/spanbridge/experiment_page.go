// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/experiment"
	"github.com/spanbridge/spanbridge/compare/interval"
)

// experimentPage draws an experiment for people, on a terminal so many columns wide, or 0.
type experimentPage struct {
	to    io.Writer
	width int
}

// fullWidth is that of the table of costs with all intervals.
const fullWidth = 150

func (p experimentPage) draw(out *outcome) error {
	e := out.Environment
	fmt.Fprintf(p.to, "Linux %s, %s, %d × %s, spanbridge %s\n", e.Kernel, e.Architecture, e.Cores, e.CPU, e.Spanbridge)
	table := tabwriter.NewWriter(p.to, 0, 0, p.gap(), ' ', 0)
	if out.Cost != nil {
		p.cost(table, out.Cost)
	} else {
		p.figures(table, out.Figures)
	}
	if out.Judgement != nil {
		p.judgement(table, out.Judgement)
	}
	return table.Flush()
}

// narrow reports whether the table of costs has to do with less.
func (p experimentPage) narrow() bool { return p.width > 0 && p.width < fullWidth }

func (p experimentPage) gap() int {
	if p.narrow() {
		return 1
	}
	return 2
}

func (p experimentPage) figures(t io.Writer, figures []experiment.Figure) {
	fmt.Fprintf(t, "\nhit\tns\t95 %% interval\twhat\n")
	for _, f := range figures {
		if f.Missing != "" {
			fmt.Fprintf(t, "%s\t-\t\tmissing: %s\n", f.Name, f.Missing)
			continue
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f to %.0f\t%s\n", f.Name, f.Value, f.Low, f.High, f.What)
	}
}

func (p experimentPage) cost(t io.Writer, r *cost.Result) {
	fmt.Fprintf(p.to, "%s, %s, %d slices of %v for each method; ratios to nothing, with intervals of 95 %%\n", r.Server, r.Load, r.Slices, r.Slice)
	if p.narrow() {
		fmt.Fprintf(t, "\nmethod\tCPU µs\tCPU ratio\tthroughput\tp50\tp99\tsaw\n")
	} else {
		fmt.Fprintf(t, "\nmethod\tCPU µs\tCPU ratio\tthroughput\tp50\tp99\tbytes\toutside µs\tsaw\n")
	}
	var missing []cost.Method
	for _, m := range r.Methods {
		if m.Missing != "" {
			missing = append(missing, m)
			continue
		}
		saw := "-"
		if m.Saw != nil {
			saw = fmt.Sprintf("%.0f %%", 100**m.Saw)
		}
		if p.narrow() {
			fmt.Fprintf(t, "%s\t%.1f\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.CPUMicros,
				ratioText(m.CPU), valueText(m.Throughput), valueText(m.P50), valueText(m.P99), saw)
			continue
		}
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%s\t%s\t%s\t%.0f\t%.1f\t%s\n", m.Name, m.CPUMicros,
			ratioText(m.CPU), ratioText(m.Throughput), ratioText(m.P50), ratioText(m.P99), m.BytesPerStatement, m.OutsideMicros, saw)
	}
	for i, m := range missing {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "%s\tmissing: %s\n", m.Name, m.Missing)
	}
}

func (p experimentPage) judgement(t io.Writer, j *experiment.Judgement) {
	fmt.Fprintf(t, "\nfigure\tbaseline\tnow\tratio\tverdict\n")
	for _, d := range j.Decisions {
		ratio := "-"
		if d.Ratio != 0 {
			ratio = strconv.FormatFloat(d.Ratio, 'f', 2, 64)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.Figure, spanText(d.Was), spanText(d.Is), ratio, d.Verdict)
	}
	for _, told := range j.Told {
		fmt.Fprintf(t, "%s\n", told)
	}
}

// ratioText is a ratio with its bounds, "-" if it was not measured.
func ratioText(e interval.Estimate) string {
	if e.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", e.Value, e.Low, e.High)
}

// valueText is a ratio without its bounds.
func valueText(e interval.Estimate) string {
	if e.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%.2f", e.Value)
}

// spanText is the bounds of an interval, to three digits or to a whole number.
func spanText(e interval.Estimate) string {
	if e.IsZero() {
		return "missing"
	}
	return threeDigits(e.Low) + " to " + threeDigits(e.High)
}

func threeDigits(x float64) string {
	if math.Abs(x) >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

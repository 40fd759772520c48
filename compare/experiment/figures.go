// SPDX-License-Identifier: Apache-2.0

package experiment

import (
	"time"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/interval"
)

// Sample is what was measured of one thing: a value of each slice, and what a step of
// arithmetic took at the time, in the same unit.
type Sample struct {
	Name, What, Unit, Missing string
	Values, Steps             []float64
}

// OfSamples makes the document of a micro experiment.
func OfSamples(e Environment, samples []Sample) *Document {
	d := &Document{Format: format, Kind: Micro, Taken: now(), Environment: e}
	for _, s := range samples {
		f := Figure{Name: s.Name, What: s.What, Unit: s.Unit, Missing: s.Missing, Pairs: len(s.Values)}
		if f.Missing == "" {
			f.Estimate, f.Steps = interval.Of(s.Values), interval.Ratios(s.Values, s.Steps)
		}
		d.Figures = append(d.Figures, f)
	}
	return d
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// OfCost makes the document of a macro experiment.
func OfCost(e Environment, r *cost.Result) *Document {
	e.Server, e.Load, e.Slice = r.Server, r.Load, r.Slice.String()
	d := &Document{Format: format, Kind: Macro, Taken: now(), Environment: e, Cost: r}
	for i := range r.Methods {
		figures := ratios(&r.Methods[i])
		if r.Methods[i].Name == cost.Nothing {
			figures = absolute(&r.Methods[i])
		}
		for _, f := range figures {
			// A load may tell no latency.
			if f.Missing != "" || !f.Estimate.IsZero() {
				d.Figures = append(d.Figures, f)
			}
		}
	}
	return d
}

// ratios are what a method costs, to nothing.
func ratios(m *cost.Method) []Figure {
	figure := func(name string, more bool, e cost.Ratio) Figure {
		return Figure{
			Name: m.Name + "/" + name, What: m.Detail, Unit: "of nothing", Missing: m.Missing, More: more, Estimate: e, Pairs: m.Pairs,
		}
	}
	return []Figure{
		figure("cpu", false, m.CPU), figure("throughput", true, m.Throughput), figure("p50", false, m.P50), figure("p99", false, m.P99),
	}
}

// absolute are the figures of the server itself: what another version of it is held to.
func absolute(m *cost.Method) []Figure {
	figure := func(name, unit string, more bool, of func(*cost.Sample) float64) Figure {
		values := make([]float64, len(m.Samples))
		for i := range values {
			values[i] = of(&m.Samples[i])
		}
		return Figure{
			Name: m.Name + "/" + name, What: m.Detail, Unit: unit, Missing: m.Missing, More: more,
			Estimate: interval.Of(values), Pairs: len(values),
		}
	}
	return []Figure{
		figure("cpu", "µs a statement", false, func(s *cost.Sample) float64 { return s.CPUMicros }),
		figure("throughput", "statements a second", true, func(s *cost.Sample) float64 { return s.PerSecond }),
		figure("p50", "µs", false, func(s *cost.Sample) float64 { return float64(s.P50) / 1e3 }),
		figure("p99", "µs", false, func(s *cost.Sample) float64 { return float64(s.P99) / 1e3 }),
	}
}

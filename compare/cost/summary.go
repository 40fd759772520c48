// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"time"

	"github.com/spanbridge/spanbridge/compare/interval"
)

// sample makes the figures of a slice.
func (s *slice) sample() Sample {
	of := float64(s.Statements)
	return Sample{
		Statements: s.Statements, Errors: s.Errors, PerSecond: of / s.Seconds, P50: s.P50, P99: s.P99,
		CPUMicros: float64(s.server.cpu) / 1e3 / of, OutsideMicros: float64(s.outside.cpu) / 1e3 / of,
		BytesPerStatement: float64(s.server.wrote) / of,
	}
}

// summary makes the figures of a method out of its slices.
func (b *blocks) summary(m method) Method {
	sum := Method{Name: m.name(), Detail: m.detail(), Missing: b.gone[m.name()]}
	if sum.Missing != "" {
		return sum
	}
	own, nothing := b.samples[m.name()], b.samples[Nothing]
	sum.Samples, sum.Pairs = own, min(len(own), len(nothing))
	median := func(of func(*Sample) float64) float64 { return interval.Median(each(own, of)) }
	sum.CPUMicros, sum.OutsideMicros = median(cpuMicros), median(outsideMicros)
	sum.PerSecond, sum.BytesPerStatement = median(perSecond), median(bytesPer)
	sum.Latency50, sum.Latency99 = time.Duration(median(p50)), time.Duration(median(p99))
	if len(own) > 0 && own[0].Saw != nil {
		share := median(func(s *Sample) float64 { return float64(*s.Saw) / float64(s.Statements) })
		sum.Saw = &share
	}
	if m.name() == Nothing {
		return sum
	}
	ratio := func(of func(*Sample) float64) Ratio {
		return interval.Ratios(each(own[:sum.Pairs], of), each(nothing[:sum.Pairs], of))
	}
	sum.CPU, sum.Throughput, sum.P50, sum.P99 = ratio(cpuMicros), ratio(perSecond), ratio(p50), ratio(p99)
	return sum
}

func each(samples []Sample, of func(*Sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(&samples[i])
	}
	return values
}

func cpuMicros(s *Sample) float64     { return s.CPUMicros }
func outsideMicros(s *Sample) float64 { return s.OutsideMicros }
func perSecond(s *Sample) float64     { return s.PerSecond }
func bytesPer(s *Sample) float64      { return s.BytesPerStatement }
func p50(s *Sample) float64           { return float64(s.P50) }
func p99(s *Sample) float64           { return float64(s.P99) }

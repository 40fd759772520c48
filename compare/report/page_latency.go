// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// latencyChart shows the differences of all pairs on one scale.
type latencyChart struct {
	Ticks []tick
	Rows  []latencyRow
}

type latencyRow struct {
	A, B            string
	Kind            string
	Median, Ratio   figure
	From, Width, At float64 // of the line and of its dot
	Alt             string
}

// card tells of the latency of one pair in full.
type card struct {
	ID      string
	A, B    string
	Open    bool
	Kind    string
	Median  figure
	Says    string
	Points  []fact // where each of the two looks
	Bars    barChart
	Scatter scatter
	Figures []labelled
}

type labelled struct {
	Label  string
	Figure figure
}

func (r *Result) latencyChart(w *words) *latencyChart {
	var low, high int64
	var c latencyChart
	for i := range r.Verdicts {
		if l := r.Verdicts[i].Latency; l != nil {
			low, high = min(low, l.P5Ns), max(high, l.P95Ns)
		}
	}
	room := 0.04 * (signedLog(float64(high)) - signedLog(float64(low)))
	x := signedAxis(w, int64(fromSignedLog(signedLog(float64(low))-room)), int64(fromSignedLog(signedLog(float64(high))+room)), 14)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		l := v.Latency
		if l == nil {
			continue
		}
		from, to := x.at(float64(l.P5Ns)), x.at(float64(l.P95Ns))
		path := fmt.Sprintf("verdicts.%d.latency.", i)
		c.Rows = append(c.Rows, latencyRow{
			A: v.A, B: v.B, Kind: l.Kind,
			Median: figure{w.difference(l.MedianNs), path + "median_ns"}, Ratio: figure{ratio(l.Ratio), path + "ratio"},
			From: from, Width: max(to-from, 0.4), At: x.at(float64(l.MedianNs)),
			Alt: w.say("latency.strip", "p5", w.difference(l.P5Ns), "p95", w.difference(l.P95Ns), "median", w.difference(l.MedianNs)),
		})
	}
	if len(c.Rows) == 0 {
		return nil
	}
	c.Ticks = x.ticks
	return &c
}

func (r *Result) cards(w *words) []card {
	var cards []card
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		l := v.Latency
		if l == nil {
			continue
		}
		path := fmt.Sprintf("verdicts.%d.latency.", i)
		ns := func(label, key string, ns int64) labelled {
			return labelled{label, figure{w.duration(ns), path + key}}
		}
		difference := func(key string, ns int64) labelled {
			return labelled{w.say("latency." + strings.TrimSuffix(key, "_ns")), figure{w.difference(ns), path + key}}
		}
		cards = append(cards, card{
			ID: fmt.Sprintf("pair-%d", i), A: v.A, B: v.B, Open: r.leads(v), Kind: l.Kind,
			Median: figure{w.difference(l.MedianNs), path + "median_ns"}, Says: says(w, v), Points: r.points(w, v),
			Bars: barsOf(w, v), Scatter: scatterOf(w, v),
			Figures: []labelled{
				{w.say("latency.pairs"), figure{units.Count(l.Pairs), path + "pairs"}},
				ns(w.say("latency.median-of", "account", w.account(v.A)), "median_a_ns", l.MedianANs),
				ns(w.say("latency.median-of", "account", w.account(v.B)), "median_b_ns", l.MedianBNs),
				difference("p5_ns", l.P5Ns),
				{w.say("latency.p50"), figure{w.difference(l.MedianNs), path + "median_ns"}},
				difference("p95_ns", l.P95Ns), difference("half_from_ns", l.HalfFromNs), difference("half_to_ns", l.HalfToNs),
				{w.say("latency.tail", "limit", w.duration(l.LimitNs)), figure{w.percent(l.TailShare), path + "tail_share"}},
				{w.say("latency.near"), figure{w.percent(l.NearShare), path + "near_share"}},
			},
		})
	}
	return cards
}

// leads reports whether a pair is what a reader asks for first: the probes with
// another account, or the first pair if there are none.
func (r *Result) leads(v *Verdict) bool {
	for i := range r.Accounts {
		if r.Accounts[i].Name == probes && r.Accounts[i].Error == "" {
			return v.A == probes || v.B == probes
		}
	}
	return v.A == r.Reference
}

// probes is the account of spanbridge itself.
const probes = "probes"

// says tells the difference in words.
func says(w *words, v *Verdict) string {
	l := v.Latency
	said := w.say("latency.says."+l.Kind, "a", w.account(v.A), "b", w.account(v.B), "difference", moreOrLess(w, l.MedianNs),
		"p5", w.difference(l.P5Ns), "p95", w.difference(l.P95Ns), "from", w.difference(l.HalfFromNs), "to", w.difference(l.HalfToNs),
		"tail", w.percent(l.TailShare), "limit", w.duration(l.LimitNs), "trait", w.trait(l.VariesWith),
		"near", w.percent(l.NearShare), "pairs", units.Count(l.Pairs))
	if len(l.Commands) == 2 {
		said += w.say("latency.commands", "query", w.difference(l.Commands[0].MiddleNs), "execution", w.difference(l.Commands[1].MiddleNs))
	}
	return said
}

func moreOrLess(w *words, ns int64) string {
	switch {
	case ns > 0:
		return w.say("latency.more", "n", w.duration(ns))
	case ns < 0:
		return w.say("latency.less", "n", w.duration(-ns))
	}
	return w.say("latency.equal")
}

// points says where the two look, and what only one of them measures.
func (r *Result) points(w *words, v *Verdict) (all []fact) {
	for _, name := range []string{v.A, v.B} {
		for i := range r.Accounts {
			if a := &r.Accounts[i]; a.Name == name && a.MeasuredFrom != "" {
				all = append(all, fact{w.account(name), w.say("latency.from-to", "from", w.step(a.MeasuredFrom), "to", w.step(a.MeasuredTo))})
			}
		}
	}
	return append(all, only(w, v)...)
}

// only says what only one of them measures, and of executions if that is more.
func only(w *words, v *Verdict) (all []fact) {
	l := v.Latency
	all = onlyOf(w, v, "latency.only", l.OnlyA, l.OnlyB)
	for _, c := range l.Commands {
		if !slices.Equal(c.OnlyA, l.OnlyA) || !slices.Equal(c.OnlyB, l.OnlyB) {
			all = append(all, onlyOf(w, v, "latency.only-executions", c.OnlyA, c.OnlyB)...)
		}
	}
	return all
}

func onlyOf(w *words, v *Verdict, label string, onlyA, onlyB []string) (all []fact) {
	for _, side := range []struct {
		name  string
		steps []string
	}{{v.A, onlyA}, {v.B, onlyB}} {
		if len(side.steps) == 0 {
			continue
		}
		said := w.step(side.steps[0])
		for _, step := range side.steps[1:] {
			said = w.say("list", "a", said, "b", w.step(step))
		}
		all = append(all, fact{w.say(label, "account", w.account(side.name)), said})
	}
	return all
}

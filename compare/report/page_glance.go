// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"

	"github.com/spanbridge/spanbridge/bridge/units"
	"github.com/spanbridge/spanbridge/compare"
)

// unexplained is the reason of what has none.
const unexplained = string(compare.ReasonUnknown)

// glance is a line of the summary. Its class is good, note or bad.
type glance struct{ Class, Head, Text string }

// glance says first what is most wanted.
func (r *Result) glance(w *words) []glance {
	var all []glance
	all = append(all, r.glanceCoverage(w)...)
	all = append(all, r.glanceLosses(w))
	all = append(all, r.glanceLatency(w)...)
	for _, c := range r.clocks(w) {
		if c.Off {
			all = append(all, glance{"note", w.say("glance.clock-head"), c.Text})
		}
	}
	return append(all, r.glanceCost(w)...)
}

// glanceCoverage tells of the probes, or of all accounts if there are none.
func (r *Result) glanceCoverage(w *words) (all []glance) {
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Coverage == nil || a.Name != probes && r.has(probes) && r.Reference != probes {
			continue
		}
		key, class := "glance.some", "note"
		if a.Coverage.Seen == a.Coverage.Expected {
			key, class = "glance.all", "good"
		}
		all = append(all, glance{class, w.say("glance.coverage-head"), w.say(key, "account", w.account(a.Name),
			"share", w.percent(a.Coverage.Share), "seen", units.Count(a.Coverage.Seen), "expected", units.Count(a.Coverage.Expected))})
	}
	return all
}

func (r *Result) has(name string) bool {
	for i := range r.Accounts {
		if r.Accounts[i].Name == name && r.Accounts[i].Error == "" {
			return true
		}
	}
	return false
}

func (r *Result) glanceLosses(w *words) glance {
	missing, unknown := 0, 0
	for i := range r.Accounts {
		if c := r.Accounts[i].Coverage; c != nil {
			missing += c.Expected - c.Seen
			unknown += c.Unexplained
		}
	}
	head := w.say("glance.losses-head")
	switch {
	case missing == 0:
		return glance{"good", head, w.say("glance.nothing-missing")}
	case unknown == 0:
		return glance{"good", head, w.say("glance.explained")}
	}
	return glance{"bad", head, w.say("glance.unexplained", "n", units.Count(unknown))}
}

// best is the pair that a reader asks for first: the probes and the server's own
// instrumentation, or else the first that tells durations.
func (r *Result) best() (best *Verdict) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Latency != nil && (best == nil || v.A == probes && v.B == "perfschema") {
			best = v
		}
	}
	return best
}

func (r *Result) glanceLatency(w *words) []glance {
	best := r.best()
	if best == nil {
		return nil
	}
	key, class := "glance.apart", "note"
	if best.Latency.Kind == Same {
		key, class = "glance.agree", "good"
	}
	return []glance{{class, w.say("glance.latency-head"), w.say(key, "a", w.account(best.A), "b", w.account(best.B),
		"difference", moreOrLess(w, best.Latency.MedianNs))}}
}

// glanceCost tells what the probes cost.
func (r *Result) glanceCost(w *words) (all []glance) {
	if r.Cost == nil {
		return nil
	}
	percent := func(v float64) string {
		sign := "+"
		if v < 1 {
			sign = minus
		}
		return sign + w.percent(math.Abs(v-1))
	}
	for i := range r.Cost.Methods {
		m := &r.Cost.Methods[i]
		if m.Name != "uprobe" && m.Name != "usdt" || m.CPU.IsZero() {
			continue
		}
		key, class := "glance.cost", "note"
		if m.CPU.Within(1) {
			key, class = "glance.cost-unclear", "good"
		}
		all = append(all, glance{class, w.say("glance.cost-head"), w.say(key, "account", w.known("method."+m.Name, m.Name),
			"cost", percent(m.CPU.Value), "low", percent(m.CPU.Low), "high", percent(m.CPU.High))})
	}
	return all
}

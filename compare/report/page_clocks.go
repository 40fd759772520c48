// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// clock is what is known of how far the clocks of an account and of the reference
// are apart.
type clock struct {
	Text string
	Off  bool // by more than what accounts disagree by anyway
	Hint string
	Each []fact // where it stepped
}

// apart is by how much two accounts may differ about the start of a statement
// although their clocks agree: each looks at another point.
const apart = 5 * time.Millisecond

func (r *Result) clocks(w *words) (all []clock) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.A != r.Reference || len(v.Offsets) == 0 {
			continue
		}
		all = append(all, clockOf(w, v, r.resolution(v.A)+r.resolution(v.B)+apart))
	}
	return all
}

func clockOf(w *words, v *Verdict, tolerance time.Duration) clock {
	say := func(key string, ns int64) string {
		return w.say(key, "account", w.account(v.B), "reference", w.account(v.A), "n", w.duration(max(ns, -ns)))
	}
	most := v.Offsets[0]
	for _, o := range v.Offsets {
		if o.Pairs > most.Pairs {
			most = o
		}
	}
	c := clock{Text: say("clock.agree", most.Ns)}
	if ns := most.Ns; max(ns, -ns) > int64(tolerance) {
		c.Off = true
		c.Text = say("clock.ahead", ns)
		if ns < 0 {
			c.Text = say("clock.behind", ns)
		}
		if zone(time.Duration(ns)) {
			c.Hint = w.say("clock.zone")
		}
	}
	if len(v.Offsets) > 1 {
		c.Off = true
		c.Hint = strings.TrimSpace(c.Hint + " " + w.say("clock.stepped", "n", units.Count(len(v.Offsets))))
		for _, o := range v.Offsets {
			c.Each = append(c.Each, fact{w.difference(o.Ns), w.say("clock.offset-of", "pairs", units.Count(o.Pairs))})
		}
	}
	return c
}

// zone reports whether an offset is one of those between time zones: quarters of an hour.
func zone(d time.Duration) bool {
	const quarter = 15 * time.Minute
	rest := d - d.Round(quarter)
	return max(d, -d) >= quarter && max(rest, -rest) < 2*time.Second
}

func (r *Result) resolution(name string) time.Duration {
	for i := range r.Accounts {
		if r.Accounts[i].Name == name {
			return time.Duration(r.Accounts[i].ResolutionNs)
		}
	}
	return 0
}

// losses tells what the accounts know to have lost.
func (r *Result) losses(w *words) (all []string) {
	for i := range r.Accounts {
		for _, l := range r.Accounts[i].Losses {
			key := "losses.known"
			if l.Statements == 0 {
				key = "losses.unknown"
			}
			all = append(all, w.say(key, "account", w.account(r.Accounts[i].Name), "n", units.Count(int(l.Statements)), "why", w.reason(l.Why)))
		}
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/report"
)

// judged is what the accounts amount to.
type judged struct {
	listings []*compare.Listing
	pairs    []report.Pair
	left     map[string]int // statements of connections that are not the journal's, by account
}

// judge holds every account against the reference, and against the probes. A journal tells of its own
// connections only: then nothing else is compared.
func (c *comparison) judge() *judged {
	j := &judged{left: make(map[string]int)}
	for _, a := range c.accounts {
		if a.err == nil {
			j.listings = append(j.listings, a.listing)
		}
	}
	w := compare.Window{From: c.began.UnixNano(), To: c.ended.UnixNano()}
	if reference := j.listings[0]; reference.Nature.Name == "journal" {
		w = compare.Window{From: math.MinInt64 / 2, To: math.MaxInt64 / 2}
		j.limit(reference)
	}
	for i := range j.listings {
		for k := i + 1; k < len(j.listings); k++ {
			if i > 0 && j.listings[i].Nature.Name != "probes" {
				continue
			}
			j.pairs = append(j.pairs, report.Pair{A: i, B: k, Verdict: j.judge(i, k, w)})
		}
	}
	j.corroborate(w)
	return j
}

func (j *judged) judge(a, b int, w compare.Window) *compare.Verdict {
	w.Margin = margin(j.listings[a], j.listings[b])
	return compare.Judge(j.listings[a], j.listings[b], w)
}

// corroborate lets the others tell the reference how long its statements took in the server, and judges those anew
// that leave out what is short.
func (j *judged) corroborate(w compare.Window) {
	for _, p := range j.pairs {
		if p.A == 0 {
			j.listings[0].Corroborate(j.listings[p.B], p.Verdict.Pairs)
		}
	}
	for i, p := range j.pairs {
		if p.A == 0 && p.Verdict.UnknownB > 0 && j.listings[p.B].Nature.MinDuration > 0 {
			j.pairs[i].Verdict = j.judge(p.A, p.B, w)
		}
	}
}

// limit leaves out what is of other connections than the journal's.
func (j *judged) limit(journal *compare.Listing) {
	ours := make(map[uint64]bool)
	for i := range journal.Statements {
		ours[journal.Statements[i].Connection] = true
	}
	for _, l := range j.listings[1:] {
		if n := keep(l, func(id uint64) bool { return ours[id] }); n > 0 {
			j.left[l.Nature.Name] = n
		}
	}
}

// margin is how near the ends of the time a statement may be in one account only: they begin and stop one after
// the other.
func margin(a, b *compare.Listing) time.Duration {
	return settle + a.Nature.Resolution + b.Nature.Resolution
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// coverageRow is an account in the chart of coverage.
type coverageRow struct {
	Name, Label, Detail string
	Error               string
	Reference           string // says that this is the reference
	Share, Of           []figure
	Bar                 []segment
	Alt                 string
	Lacks, Extra        []lackRow
	Notes               []string
}

// segment is a part of a bar.
type segment struct {
	Class    string
	X, Width float64
}

type lackRow struct {
	Count  figure
	Reason string
}

func (r *Result) coverageRows(w *words) []coverageRow {
	var rows []coverageRow
	for i := range r.Accounts {
		a := &r.Accounts[i]
		row := coverageRow{Name: a.Name, Label: w.account(a.Name), Detail: w.detail(a.Detail), Error: a.Error}
		switch {
		case a.Error != "":
		case a.Name == r.Reference:
			row.Reference = w.say("coverage.reference", "n", units.Count(a.Statements))
			row.Bar = []segment{{"reference", 0, 100}}
			row.Alt = row.Reference
		case a.Coverage == nil:
			row.Notes = append(row.Notes, w.say("coverage.unjudged"))
		case a.Coverage.Expected+len(a.Coverage.Extra) == 0:
			row.Notes = append(row.Notes, w.say("coverage.none"))
		default:
			row.judge(w, a.Coverage, fmt.Sprintf("accounts.%d.coverage", i))
		}
		row.note(w, a)
		rows = append(rows, row)
	}
	return rows
}

func (row *coverageRow) judge(w *words, c *Coverage, path string) {
	row.Share = []figure{{w.percent(c.Share), path + ".share"}}
	row.Of = []figure{{units.Count(c.Seen), path + ".seen"}, {units.Count(c.Expected), path + ".expected"}}
	for k, m := range c.Lacks {
		row.Lacks = append(row.Lacks, lackRow{figure{units.Count(m.Count), fmt.Sprintf("%s.lacks.%d.count", path, k)}, m.Reason})
	}
	for k, m := range c.Extra {
		row.Extra = append(row.Extra, lackRow{figure{units.Count(m.Count), fmt.Sprintf("%s.extra.%d.count", path, k)}, m.Reason})
	}
	explained := c.Expected - c.Seen - c.Unexplained
	row.Alt = w.say("coverage.bar", "share", w.percent(c.Share), "explained", units.Count(explained), "unexplained", units.Count(c.Unexplained))
	at := 0.0
	for _, part := range []struct {
		class string
		n     int
	}{{"seen", c.Seen}, {"explained", explained}, {"unexplained", c.Unexplained}} {
		if part.n > 0 {
			width := max(100*float64(part.n)/float64(c.Expected), 0.5) // is to be seen
			row.Bar = append(row.Bar, segment{part.class, min(at, 100-width), width})
			at += width
		}
	}
}

// note tells what an account leaves out, and what it tells besides.
func (row *coverageRow) note(w *words, a *Account) {
	if a.MinDurationNs > 0 {
		row.Notes = append(row.Notes, w.say("coverage.threshold", "n", w.duration(a.MinDurationNs)))
	}
	if a.LeftOut > 0 {
		row.Notes = append(row.Notes, w.say("coverage.left-out", "n", units.Count(a.LeftOut)))
	}
	if a.Other > 0 {
		row.Notes = append(row.Notes, w.say("coverage.other", "n", units.Count(a.Other)))
	}
}

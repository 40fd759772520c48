// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge/units"
	"github.com/spanbridge/spanbridge/compare"
)

// matrix shows which account tells what, and how far it agrees.
type matrix struct {
	Accounts []string
	Rows     []matrixRow
}

type matrixRow struct {
	Label string
	Cells []cell
}

// cell is one account's of a field. Its class says how it is drawn.
type cell struct {
	Class  string
	Text   string
	Differ *figure
	Note   string
}

func (r *Result) matrix(w *words) *matrix {
	if len(r.Fields) == 0 {
		return nil
	}
	m := &matrix{}
	for _, a := range r.Fields[0].Accounts {
		m.Accounts = append(m.Accounts, a.Account)
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		row := matrixRow{Label: w.known("field."+f.Field, f.Field)}
		for k, told := range f.Accounts {
			c := cellOf(w, f, told, fmt.Sprintf("fields.%d.accounts.%d.", i, k))
			if l := r.latency(f.Standard, told.Account); f.Field == compare.FieldDuration.String() && l != nil {
				c = cell{Class: l.Kind, Text: w.difference(l.MedianNs), Note: w.say("latency.kind." + l.Kind)}
			}
			if share := share(told.Told, r.statements(told.Account)); told.Told > 0 && share < 1 {
				c.Note = w.say("fields.told", "n", w.percent(share))
			}
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

func cellOf(w *words, f *Field, told FieldTold, path string) cell {
	compared := told.Equal + told.Differ
	switch {
	case told.Told == 0:
		return cell{Class: "untold", Text: "–"}
	case told.Account == f.Standard:
		return cell{Class: "standard", Text: "◆"}
	case compared == 0:
		return cell{Class: "told", Text: "•"}
	case told.Differ == 0:
		return cell{Class: "equal", Text: w.percent(1)}
	}
	c := cell{Class: "near", Text: w.percent(share(told.Equal, compared)), Differ: &figure{units.Count(told.Differ), path + "differ"}}
	if told.Equal < 9*told.Differ {
		c.Class = "differ"
	}
	return c
}

// latency finds how two accounts differ, nil if that is not known.
func (r *Result) latency(a, b string) *Latency {
	for i := range r.Verdicts {
		if v := &r.Verdicts[i]; v.A == a && v.B == b {
			return v.Latency
		}
	}
	return nil
}

func (r *Result) statements(name string) int {
	for i := range r.Accounts {
		if r.Accounts[i].Name == name {
			return r.Accounts[i].Statements
		}
	}
	return 0
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
)

// disagreements are what two accounts tell differently, the worst first.
type disagreements struct {
	A, B      string
	Open      bool
	Latencies []slow
	Fields    []fieldExample
	Missing   []missingExample
}

type slow struct {
	Text       string
	Where      string
	A, B       figure
	Difference string
}

type fieldExample struct{ Field, Text, Where, A, B string }

type missingExample struct{ In, Reason, Text, Where string }

// mostExamples bounds what is shown of a pair, of each kind.
const mostExamples = 12

func (r *Result) disagreements(w *words) []disagreements {
	var all []disagreements
	best := r.best()
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		d := disagreements{
			A: v.A, B: v.B, Open: v == best, Latencies: slowest(w, v, fmt.Sprintf("verdicts.%d.latency.worst.", i)),
			Fields: differing(w, v), Missing: lacking(w, v),
		}
		if len(d.Latencies)+len(d.Fields)+len(d.Missing) > 0 {
			all = append(all, d)
		}
	}
	return all
}

func slowest(w *words, v *Verdict, path string) (all []slow) {
	if v.Latency == nil {
		return nil
	}
	for i, d := range v.Latency.Worst {
		all = append(all, slow{
			Text: d.Text, Where: w.say("worst.connection", "n", fmt.Sprint(d.Connection)), Difference: w.difference(d.BNs - d.ANs),
			A: figure{w.duration(d.ANs), fmt.Sprintf("%s%d.a_ns", path, i)}, B: figure{w.duration(d.BNs), fmt.Sprintf("%s%d.b_ns", path, i)},
		})
	}
	return all
}

// differing takes turns between the fields, those first that differ most.
func differing(w *words, v *Verdict) (all []fieldExample) {
	fields := slices.Clone(v.Fields)
	slices.SortStableFunc(fields, func(x, y FieldVerdict) int { return cmp.Compare(y.Differ, x.Differ) })
	for n := 0; len(all) < mostExamples; n++ {
		before := len(all)
		for _, f := range fields {
			if n < len(f.Examples) && len(all) < mostExamples {
				e := f.Examples[n]
				all = append(all, fieldExample{
					Field: w.known("field."+f.Field, f.Field), Text: e.Text, A: e.A, B: e.B,
					Where: w.say("worst.connection", "n", fmt.Sprint(e.Connection)),
				})
			}
		}
		if len(all) == before {
			break
		}
	}
	return all
}

// lacking shows one statement for each reason, and more of what is unexplained.
func lacking(w *words, v *Verdict) (all []missingExample) {
	for _, side := range []struct {
		in      string
		missing []Missing
	}{{v.A, v.MissingA}, {v.B, v.MissingB}} {
		for _, m := range side.missing {
			for i, s := range m.Examples {
				if i > 0 && m.Reason != unexplained || len(all) == mostExamples {
					break
				}
				where := w.say("worst.connection", "n", fmt.Sprint(s.Connection))
				if s.DurationNs != nil {
					where = w.say("list", "a", where, "b", w.say("worst.took", "n", w.duration(*s.DurationNs)))
				}
				all = append(all, missingExample{In: side.in, Reason: m.Reason, Text: s.Text, Where: where})
			}
		}
	}
	return all
}

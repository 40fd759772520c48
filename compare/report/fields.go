// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"

	"github.com/spanbridge/spanbridge/compare"
)

// fieldsOf holds what the accounts tell of each field against the first of them
// that tells it. Fields of which nobody tells are left out.
func fieldsOf(listings []*compare.Listing, pairs []Pair) []Field {
	told := make([][compare.NumFields]int, len(listings))
	for i, l := range listings {
		told[i] = toldBy(l)
	}
	var all []Field
	for f := range compare.NumFields {
		standard := slices.IndexFunc(told, func(n [compare.NumFields]int) bool { return n[f] > 0 })
		if standard < 0 {
			continue
		}
		field := Field{Field: f.String(), Standard: nameOf(listings[standard].Nature.Name)}
		for i, l := range listings {
			one := FieldTold{Account: nameOf(l.Nature.Name), Told: told[i][f]}
			if v := find(pairs, standard, i); v != nil {
				one.Equal, one.Differ = agreement(v, f)
			}
			field.Accounts = append(field.Accounts, one)
		}
		all = append(all, field)
	}
	return all
}

func toldBy(l *compare.Listing) (n [compare.NumFields]int) {
	for i := range l.Statements {
		s := &l.Statements[i]
		if !s.Kind.Counts() {
			continue
		}
		for f := range compare.NumFields {
			if s.Has.Has(f) {
				n[f]++
			}
		}
	}
	return n
}

// agreement counts what both tell. Durations are the same within 2 %.
func agreement(v *compare.Verdict, f compare.Field) (equal, differ int) {
	if f == compare.FieldDuration {
		equal = int(math.Round(v.Latency.Near * float64(v.Latency.Pairs)))
		return equal, v.Latency.Pairs - equal
	}
	for i := range v.Fields {
		if v.Fields[i].Field == f {
			return v.Fields[i].Equal, v.Fields[i].Differ
		}
	}
	return 0, 0
}

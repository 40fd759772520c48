// SPDX-License-Identifier: Apache-2.0

package compare

// FieldVerdict is how far two accounts agree on one field of the statements that
// both have.
type FieldVerdict struct {
	Field        Field
	Equal        int // both tell it, and the same
	Differ       int
	OnlyA, OnlyB int // told by one of them
	Neither      int
	Examples     []Pair // that differ, up to maxExamples
}

func fieldsOf(a, b *Listing, pairs []Pair) []FieldVerdict {
	all := make([]FieldVerdict, 0, NumFields)
	for f := range NumFields {
		if f == FieldDuration {
			continue // see Latency
		}
		v := FieldVerdict{Field: f}
		for _, p := range pairs {
			v.judge(&a.Statements[p.A], &b.Statements[p.B], p)
		}
		all = append(all, v)
	}
	return all
}

func (v *FieldVerdict) judge(a, b *Statement, p Pair) {
	switch inA, inB := a.Has.Has(v.Field), b.Has.Has(v.Field); {
	case !inA && !inB:
		v.Neither++
	case !inB:
		v.OnlyA++
	case !inA:
		v.OnlyB++
	case sameField(v.Field, a, b):
		v.Equal++
	default:
		v.Differ++
		if len(v.Examples) < maxExamples {
			v.Examples = append(v.Examples, p)
		}
	}
}

// sameField compares what both tell. Times of locks differ in their resolution:
// within a tenth of a millisecond, or a tenth, they are the same.
func sameField(f Field, a, b *Statement) bool {
	switch f {
	case FieldText:
		return sameText(a, b)
	case FieldLockTime:
		d := a.LockTime - b.LockTime
		return max(d, -d) <= max(100_000, max(a.LockTime, b.LockTime)/10)
	case FieldError:
		return a.Error == b.Error
	case FieldSQLState:
		return a.SQLState == b.SQLState
	case FieldRowsSent:
		return a.Sent == b.Sent
	case FieldRowsAffected:
		return a.Affected == b.Affected
	case FieldRowsExamined:
		return a.Examined == b.Examined
	case FieldDatabase:
		return a.Database == b.Database
	case FieldUser:
		return a.User == b.User
	}
	return false
}

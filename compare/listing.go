// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
	"time"
)

// Nature says what an account can tell, and what it leaves out on purpose.
type Nature struct {
	Name string // as it is asked for by name: "probes", "slowlog"
	// Resolution of Statement.Start: a second for some logs.
	Resolution time.Duration
	Fields     Fields // that it tells of statements in general
	// MinDuration is below what an account leaves statements out, 0: it does not.
	MinDuration time.Duration
	// Partial says that it leaves statements out by choice for other reasons,
	// such as sampling; Why names them.
	Partial bool
	Why     string
	// SkipsUnparsed says that it leaves out what the server could not parse.
	SkipsUnparsed bool
}

// Loss is a stretch in which an account is known to have lost statements, so many or an unknown
// number. It explains no more than that.
type Loss struct {
	Connection uint64 // 0: of any connection
	From, To   int64  // Unix time by the account's clock, nanoseconds
	Count      uint64 // of statements, 0: unknown
	Why        string // such as "history table overwritten"
}

// covers reports whether a statement may have been lost there: some of its time is in the stretch. An account may
// tell of a statement somewhat later than its client has the answer.
func (l *Loss) covers(connection uint64, start int64, lasted time.Duration) bool {
	return (l.Connection == 0 || l.Connection == connection) && l.From <= start+int64(lasted+slack) && start <= l.To
}

// Listing is what an account tells of a stretch of time.
type Listing struct {
	Nature     Nature
	Statements []Statement // in any order
	Losses     []Loss
}

// tellsKinds reports whether the account knows which statements were prepared, if there are such.
func (l *Listing) tellsKinds() bool {
	return slices.ContainsFunc(l.Statements, func(s Statement) bool { return s.Kind == Execute })
}

// sorted returns, by connection, the indexes of the statements to align in the
// order of their starts. Those of one stamp stay in the account's order.
func (l *Listing) sorted() map[uint64][]int {
	by := make(map[uint64][]int)
	for i := range l.Statements {
		if s := &l.Statements[i]; s.Kind.Counts() {
			by[s.Connection] = append(by[s.Connection], i)
		}
	}
	for _, list := range by {
		slices.SortStableFunc(list, func(x, y int) int {
			return cmp.Compare(l.Statements[x].Start, l.Statements[y].Start)
		})
	}
	return by
}

// Corroborate lets another account, of which pairs tell whose statements are the same, say how long those of the
// listing took in the server. A client sees a statement for longer than a slow log does.
func (l *Listing) Corroborate(other *Listing, pairs []Pair) {
	for _, p := range pairs {
		s, o := &l.Statements[p.A], &other.Statements[p.B]
		if o.Has.Has(FieldDuration) && (s.Shortest == 0 || o.Duration < s.Shortest) {
			s.Shortest = o.Duration
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/cost"
)

// About says what was compared.
type About struct {
	Tool     string
	Started  time.Time
	Duration time.Duration
	Server   Server
	Host     Host
	Load     string
	// Details say how accounts were had, by name: the tier of probes, a file.
	Details map[string]string
	// LeftOut is how many statements of other connections were left out, by name.
	LeftOut map[string]int
	// Tier is that of the probes' profile, by which their points are known.
	Tier string
}

// Pair is the verdict about two listings, by index, of which A comes first.
type Pair struct {
	A, B    int
	Verdict *compare.Verdict
}

// New makes a result. The first listing is the reference: a load generator's
// journal, where there is one. Names of accounts are unique.
func New(about About, listings []*compare.Listing, pairs []Pair) *Result {
	r := &Result{
		Format: Format, Tool: about.Tool, Started: about.Started.UTC(), Seconds: about.Duration.Seconds(), Load: shown(about.Load),
		Server: Server{shown(about.Server.Product), shown(about.Server.Version), shown(about.Server.Endpoint)},
		Host:   Host{shown(about.Host.Kernel), shown(about.Host.CPU), about.Host.Cores},
	}
	for i, l := range listings {
		account := accountOf(l)
		account.Detail, account.LeftOut = shown(about.Details[l.Nature.Name]), about.LeftOut[l.Nature.Name]
		if watch, ok := compare.StopwatchOf(l.Nature.Name, about.Tier); ok {
			account.MeasuredFrom, account.MeasuredTo = string(watch.Start), string(watch.Stop)
		}
		if i == 0 {
			r.Reference = account.Name
		} else if v := find(pairs, 0, i); v != nil {
			account.Coverage = coverageOf(v, listings[0], l)
		}
		r.Accounts = append(r.Accounts, account)
	}
	r.Fields = fieldsOf(listings, pairs)
	for _, p := range pairs {
		r.Verdicts = append(r.Verdicts, verdictOf(p.Verdict, listings[p.A], listings[p.B], seen{about.Tier, about.Server.Product}))
	}
	return r
}

// AddUnavailable tells of an account that was asked for and could not be had. Each line of why is a reason.
func (r *Result) AddUnavailable(name, why string) {
	r.Accounts = append(r.Accounts, Account{Name: nameOf(name), Error: shownLines(why), Fields: []string{}, Losses: []Loss{}})
}

// AddCost tells what methods cost the server.
func (r *Result) AddCost(c *cost.Result) {
	all := *c
	all.Load, all.Server, all.Methods = shown(c.Load), shown(c.Server), slices.Clone(c.Methods)
	for i := range all.Methods {
		m := &all.Methods[i]
		m.Name, m.Detail, m.Missing = nameOf(m.Name), shown(m.Detail), shownLines(m.Missing)
	}
	r.Cost = &all
}

// AddMessage tells of a message of the server's error log.
func (r *Result) AddMessage(m Message) {
	m.At, m.Severity, m.Code, m.Text = m.At.UTC(), shown(m.Severity), shown(m.Code), shown(m.Text)
	r.Messages = append(r.Messages, m)
}

func find(pairs []Pair, a, b int) *compare.Verdict {
	i := slices.IndexFunc(pairs, func(p Pair) bool { return p.A == a && p.B == b })
	if i < 0 {
		return nil
	}
	return pairs[i].Verdict
}

func accountOf(l *compare.Listing) Account {
	n := &l.Nature
	a := Account{
		Name: nameOf(n.Name), ResolutionNs: int64(n.Resolution), MinDurationNs: int64(n.MinDuration), SkipsUnparsed: n.SkipsUnparsed,
		Fields: []string{}, Losses: lossesOf(l.Losses),
	}
	if n.Partial {
		a.Partial = shown(n.Why)
	}
	for i := range l.Statements {
		if l.Statements[i].Kind.Counts() {
			a.Statements++
		} else {
			a.Other++
		}
	}
	for f := range compare.NumFields {
		if n.Fields.Has(f) {
			a.Fields = append(a.Fields, f.String())
		}
	}
	return a
}

// lossesOf sums losses up by their reason, in the order in which they came.
func lossesOf(losses []compare.Loss) []Loss {
	all := []Loss{}
	for i := range losses {
		at := slices.IndexFunc(all, func(l Loss) bool { return l.Why == shown(losses[i].Why) })
		if at < 0 {
			at = len(all)
			all = append(all, Loss{Why: shown(losses[i].Why)})
		}
		all[at].Stretches++
		all[at].Statements += losses[i].Count
	}
	return all
}

func coverageOf(v *compare.Verdict, reference, l *compare.Listing) *Coverage {
	c := &Coverage{
		Seen: v.Matched, Unexplained: v.UnknownB,
		Lacks: missingOf(v.MissingB, reference), Extra: missingOf(v.MissingA, l),
	}
	edge := func(m Missing) bool { return m.Reason == string(compare.ReasonEdge) }
	c.Lacks, c.Extra = slices.DeleteFunc(c.Lacks, edge), slices.DeleteFunc(c.Extra, edge)
	c.Expected = c.Seen
	for _, m := range c.Lacks {
		c.Expected += m.Count
	}
	c.Share = share(c.Seen, c.Expected)
	return c
}

// missingOf takes the examples from the listing that has them.
func missingOf(all []compare.Missing, l *compare.Listing) []Missing {
	out := make([]Missing, 0, len(all))
	for _, m := range all {
		one := Missing{Reason: shown(string(m.Reason)), Count: m.Count, Examples: []Statement{}}
		for _, i := range m.Examples {
			one.Examples = append(one.Examples, statementOf(&l.Statements[i]))
		}
		out = append(out, one)
	}
	return out
}

// share is a part of a whole, 0 of nothing, as many digits as mean something.
func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return digits(float64(part) / float64(whole))
}

func digits(v float64) float64 { return math.Round(v*1e6) / 1e6 }

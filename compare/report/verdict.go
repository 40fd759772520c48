// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/compare"
)

// seen is what the points of accounts depend on.
type seen struct{ tier, product string }

func verdictOf(v *compare.Verdict, a, b *compare.Listing, by seen) Verdict {
	out := Verdict{
		A: nameOf(v.A.Name), B: nameOf(v.B.Name), Matched: v.Matched, Ambiguous: v.Ambiguous,
		MissingA: missingOf(v.MissingA, b), MissingB: missingOf(v.MissingB, a),
		UnexplainedA: v.UnknownA, UnexplainedB: v.UnknownB,
		Offsets: []Offset{}, Latency: latencyOf(v, a, b, by), Fields: []FieldVerdict{},
	}
	for _, o := range v.Offsets {
		out.Offsets = append(out.Offsets, Offset{
			Ns: o.Ns, Pairs: o.Pairs, From: time.Unix(0, o.From).UTC(), To: time.Unix(0, o.To).UTC(),
		})
	}
	for i := range v.Fields {
		out.Fields = append(out.Fields, fieldVerdictOf(&v.Fields[i], a, b))
	}
	return out
}

func fieldVerdictOf(v *compare.FieldVerdict, a, b *compare.Listing) FieldVerdict {
	out := FieldVerdict{
		Field: v.Field.String(), Equal: v.Equal, Differ: v.Differ, OnlyA: v.OnlyA, OnlyB: v.OnlyB, Neither: v.Neither,
		Examples: []Disagreement{},
	}
	for _, p := range v.Examples {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		out.Examples = append(out.Examples, Disagreement{
			Connection: sa.Connection, Text: textOf(sa, sb), A: value(v.Field, sa), B: value(v.Field, sb),
		})
	}
	return out
}

func latencyOf(v *compare.Verdict, a, b *compare.Listing, by seen) *Latency {
	l := &v.Latency
	if l.Pairs == 0 {
		return nil
	}
	out := &Latency{
		Kind: kindOf(l), Pairs: l.Pairs, MedianANs: int64(l.MedianA), MedianBNs: int64(l.MedianB),
		P5Ns: int64(l.P5), MedianNs: int64(l.Median), P95Ns: int64(l.P95), HalfFromNs: int64(l.Half.From), HalfToNs: int64(l.Half.To),
		LimitNs: int64(l.Limit), TailShare: digits(l.Tail), VariesWith: string(l.With),
		Ratio: digits(l.Ratio), NearShare: digits(l.Near), Worst: []Difference{},
	}
	out.OnlyA, out.OnlyB = between(v.A.Name, v.B.Name, by, compare.Query)
	for _, c := range l.Commands {
		of := Command{
			Command: commands[c.Kind], Pairs: c.Pairs,
			HalfFromNs: int64(c.Half.From), MiddleNs: int64(c.Half.Middle), HalfToNs: int64(c.Half.To),
		}
		of.OnlyA, of.OnlyB = between(v.A.Name, v.B.Name, by, c.Kind)
		out.Commands = append(out.Commands, of)
	}
	durations := both(v.Pairs, a, b)
	out.Histogram, out.Scatter = histogramOf(durations), sample(durations)
	for _, p := range l.Worst {
		sa, sb := &a.Statements[p.A], &b.Statements[p.B]
		out.Worst = append(out.Worst, Difference{
			Connection: sa.Connection, StartNs: sa.Start, Text: textOf(sa, sb), ANs: int64(sa.Duration), BNs: int64(sb.Duration),
		})
	}
	return out
}

// commands are the names of kinds that count.
var commands = map[compare.Kind]string{compare.Query: "query", compare.Execute: "execution"}

// between lists what only one of two accounts measures, of queries or of executions.
func between(a, b string, by seen, kind compare.Kind) (onlyA, onlyB []string) {
	onlyA, onlyB = []string{}, []string{}
	x, known := by.stopwatch(a, kind)
	y, too := by.stopwatch(b, kind)
	if !known || !too {
		return onlyA, onlyB
	}
	more, less := compare.Between(x, y)
	for _, step := range more {
		onlyA = append(onlyA, string(step))
	}
	for _, step := range less {
		onlyB = append(onlyB, string(step))
	}
	return onlyA, onlyB
}

func (s seen) stopwatch(account string, kind compare.Kind) (compare.Stopwatch, bool) {
	if kind == compare.Execute {
		return compare.ExecutionStopwatchOf(account, s.tier, s.product)
	}
	return compare.StopwatchOf(account, s.tier)
}

func kindOf(l *compare.Latency) string {
	switch {
	case math.Abs(l.Ratio-1) <= 0.02:
		return Same
	case l.Constant():
		return Constant
	}
	return Varies
}

func statementOf(s *compare.Statement) Statement {
	out := Statement{Connection: s.Connection, StartNs: s.Start, Text: textOf(s, s), Error: s.Error, Ref: s.Ref}
	if s.Has.Has(compare.FieldDuration) {
		ns := int64(s.Duration)
		out.DurationNs = &ns
	}
	return out
}

// textOf is the text of a statement, of the account that has more of it.
func textOf(a, b *compare.Statement) string {
	if len(b.Text) > len(a.Text) {
		a = b
	}
	return shown(a.Text)
}

// value is what a statement tells of a field, as text.
func value(f compare.Field, s *compare.Statement) string {
	switch f {
	case compare.FieldText:
		return shown(s.Text)
	case compare.FieldDuration:
		return s.Duration.String()
	case compare.FieldLockTime:
		return s.LockTime.String()
	case compare.FieldError:
		return strconv.FormatUint(uint64(s.Error), 10)
	case compare.FieldSQLState:
		return shown(s.SQLState)
	case compare.FieldRowsSent:
		return strconv.FormatUint(s.Sent, 10)
	case compare.FieldRowsAffected:
		return strconv.FormatUint(s.Affected, 10)
	case compare.FieldRowsExamined:
		return strconv.FormatUint(s.Examined, 10)
	case compare.FieldDatabase:
		return shown(s.Database)
	}
	return shown(s.User)
}

// mostColumns bounds the statements that are shown.
const mostColumns = 600

// shown makes what is told by a statement fit for eyes.
func shown(s string) string { return inert.Cut(s, mostColumns) }

// shownLines makes each line fit for eyes, and leaves out those that are empty.
func shownLines(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = shown(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// nameOf is the name of an account.
func nameOf(name string) string { return inert.Cut(name, 32) }

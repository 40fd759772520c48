// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"math/rand/v2"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/report"
)

// threshold is below what the made-up slow log leaves statements out.
const threshold = time.Millisecond

// Sample is the result of a comparison of five accounts, of which one has a
// threshold, one a history that was overwritten, and one a clock that is an hour
// off; a sixth could not be had. It is the same each time.
func Sample() *report.Result {
	r := rand.New(rand.NewPCG(5, 26))
	truth := journal(r)
	listings := []*compare.Listing{truth, probes(r, truth), perfschema(r, truth), slowlog(r, truth), generallog(r, truth)}
	last := truth.Statements[len(truth.Statements)-1]
	window := compare.Window{From: epoch.UnixNano(), To: last.Start + int64(time.Second)}
	var pairs []report.Pair
	for a := range listings {
		for b := a + 1; b < len(listings); b++ {
			pairs = append(pairs, report.Pair{A: a, B: b, Verdict: compare.Judge(listings[a], listings[b], window)})
		}
	}
	result := report.New(report.About{
		Tool: "spanbridge 1.0.0", Started: epoch, Duration: 10 * time.Second,
		Server: report.Server{Product: "MariaDB", Version: "10.11.14", Endpoint: "127.0.0.1:3306"},
		Host:   report.Host{Kernel: "6.12.48", CPU: "AMD EPYC 7763", Cores: 2},
		Load:   "mixed",
		Details: map[string]string{
			"probes": "dispatch_command → log_slow_statement", "perfschema": "events_statements_history_long, 1,500 rows",
			"slowlog": "/var/lib/mysql/slow.log", "generallog": "mysql.general_log",
		},
	}, listings, pairs)
	result.AddUnavailable("telemetry", "MariaDB has no component_telemetry")
	result.Cost = costs()
	return result
}

// tell makes an account of what happened, as change tells of each statement; it
// returns false for what the account lacks.
func tell(truth *compare.Listing, nature compare.Nature, change func(*compare.Statement) bool) *compare.Listing {
	l := &compare.Listing{Nature: nature}
	for _, s := range truth.Statements {
		s.Has = nature.Fields
		if change(&s) {
			l.Statements = append(l.Statements, s)
		}
	}
	return l
}

// probes look inside of the server, where a statement begins later and ends earlier
// than its client sees.
func probes(r *rand.Rand, truth *compare.Listing) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldRowsSent,
		compare.FieldRowsExamined, compare.FieldDatabase, compare.FieldUser)
	return tell(truth, compare.Nature{Name: "probes", Resolution: time.Nanosecond, Fields: fields}, func(s *compare.Statement) bool {
		before, after := 9e3+6e3*r.Float64(), 12e3+9e3*r.ExpFloat64()
		s.Start += int64(before)
		s.Duration = max(s.Duration-time.Duration(before+after), 4*time.Microsecond)
		return true
	})
}

// perfschema sees what the probes see, and its history was overwritten for a while.
func perfschema(r *rand.Rand, truth *compare.Listing) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError, compare.FieldSQLState,
		compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined, compare.FieldDatabase)
	from, to := epoch.UnixNano()+3*int64(time.Second)/10, epoch.UnixNano()+45*int64(time.Second)/100
	inside := probes(r, truth)
	l := tell(inside, compare.Nature{Name: "perfschema", Resolution: time.Microsecond, Fields: fields}, func(s *compare.Statement) bool {
		s.Start -= int64(400 * r.Float64())
		s.Duration += time.Duration(300 + 500*r.Float64())
		if s.Kind == compare.Execute {
			s.Has &^= compare.FieldsOf(compare.FieldText)
			s.Text = ""
		}
		return s.Start < from || s.Start > to
	})
	lost := uint64(len(truth.Statements) - len(l.Statements))
	l.Losses = []compare.Loss{{From: from, To: to, Count: lost, Why: "history table overwritten"}}
	for i := range 12 {
		l.Statements = append(l.Statements, compare.Statement{Kind: compare.Other, Connection: 40, Start: epoch.UnixNano() + int64(i)})
	}
	return l
}

// slowlog tells what took a millisecond, of what could be parsed, by a clock that is
// an hour ahead.
func slowlog(r *rand.Rand, truth *compare.Listing) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError,
		compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined, compare.FieldDatabase, compare.FieldUser)
	nature := compare.Nature{Name: "slowlog", Resolution: time.Microsecond, Fields: fields, MinDuration: threshold}
	return tell(probes(r, truth), nature, func(s *compare.Statement) bool {
		s.Start += int64(time.Hour) + int64(2e3*r.Float64())
		s.Duration -= time.Duration(min(8e3+3e3*r.Float64(), 0.1*float64(s.Duration)))
		if r.IntN(60) == 0 {
			s.Examined++
		}
		return s.Duration >= threshold
	})
}

// generallog tells texts alone, when they come.
func generallog(r *rand.Rand, truth *compare.Listing) *compare.Listing {
	nature := compare.Nature{Name: "generallog", Resolution: time.Microsecond, Fields: compare.FieldsOf(compare.FieldText)}
	return tell(truth, nature, func(s *compare.Statement) bool {
		s.Start += int64(30e3 + 8e3*r.Float64())
		return true
	})
}

// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/report"
)

// threshold is below what the made-up slow log leaves statements out.
const threshold = time.Millisecond

// Sample is the result of a comparison of five accounts, of which one has a
// threshold, one a history that was overwritten, and one a clock that is an hour
// off; a sixth could not be had. It is the same each time, to be read only.
var Sample = sync.OnceValue(sample)

func sample() *report.Result {
	r := rand.New(rand.NewPCG(5, 26))
	truth := server(r)
	listings := []*compare.Listing{journal(r, truth), probes(truth), perfschema(r, truth), slowlog(r, truth), generallog(r, truth)}
	last := truth[len(truth)-1]
	window := compare.Window{From: epoch.UnixNano(), To: last.Start + int64(time.Second)}
	var pairs []report.Pair
	for a := range listings {
		for b := a + 1; b < len(listings); b++ {
			pairs = append(pairs, report.Pair{A: a, B: b, Verdict: compare.Judge(listings[a], listings[b], window)})
		}
	}
	result := report.New(report.About{
		Tool: "spanbridge 1.0.0", Started: epoch, Duration: 10 * time.Second,
		Server: report.Server{Product: "MariaDB", Version: "10.11.14-MariaDB-0+deb12u2", Endpoint: "127.0.0.1:3306"},
		Host:   report.Host{Kernel: "6.12.48", CPU: "AMD EPYC 7763", Cores: 2},
		Load:   "mixed", Tier: "uprobe", LeftOut: map[string]int{"generallog": 7},
		Details: map[string]string{
			"journal": "the load's clients", "probes": "tier uprobe", "perfschema": "events_statements_history_long of 1000 rows",
			"slowlog": "/var/lib/mysql/slow.log", "generallog": "its table",
		},
	}, listings, pairs)
	result.AddUnavailable("telemetry", "MariaDB has no component_telemetry: use another account")
	result.AddUnavailable("wire", "tcpdump is not installed: apt-get install tcpdump, or name a file that it writes elsewhere with --pcap")
	result.AddMessage(report.Message{At: epoch.Add(2 * time.Second), Severity: "Note", Text: "InnoDB: Buffer pool(s) load completed at ?"})
	result.AddMessage(report.Message{At: epoch.Add(3 * time.Second), Severity: "Warning", Connection: 43, Statements: 1,
		Text: "Aborted connection ? to db: ? user: ? host: ? (Got timeout reading communication packets)"})
	result.AddCost(costs())
	return result
}

// tell makes an account of what happened, as change tells of each statement; it
// returns false for what the account lacks.
func tell(truth []compare.Statement, nature compare.Nature, change func(*compare.Statement) bool) *compare.Listing {
	l := &compare.Listing{Nature: nature}
	for _, s := range truth {
		s.Has = nature.Fields
		if change(&s) {
			l.Statements = append(l.Statements, s)
		}
	}
	return l
}

// journal is what clients tell, who wait for the network too, and for their turn.
func journal(r *rand.Rand, truth []compare.Statement) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldRowsSent, compare.FieldDatabase,
		compare.FieldUser)
	return tell(truth, compare.Nature{Name: "journal", Resolution: time.Microsecond, Fields: fields}, func(s *compare.Statement) bool {
		before, after := 9e3+6e3*r.Float64(), 12e3+9e3*r.ExpFloat64()
		s.Start -= int64(before)
		s.Duration += time.Duration(before + after)
		return true
	})
}

func probes(truth []compare.Statement) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldError, compare.FieldRowsSent,
		compare.FieldRowsExamined, compare.FieldDatabase, compare.FieldUser)
	return tell(truth, compare.Nature{Name: "probes", Resolution: time.Nanosecond, Fields: fields}, func(*compare.Statement) bool { return true })
}

// perfschema looks about where the probes look; its history was overwritten for a
// while.
func perfschema(r *rand.Rand, truth []compare.Statement) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError, compare.FieldSQLState,
		compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined, compare.FieldDatabase)
	from, to := epoch.UnixNano()+300e6, epoch.UnixNano()+450e6
	l := tell(truth, compare.Nature{Name: "perfschema", Resolution: time.Microsecond, Fields: fields}, func(s *compare.Statement) bool {
		s.Start -= int64(400 * r.Float64())
		s.Duration += time.Duration(400 + 350*r.ExpFloat64())
		if s.Kind == compare.Execute {
			s.Has &^= compare.FieldsOf(compare.FieldText)
			s.Text = ""
		}
		return s.Start < from || s.Start > to
	})
	lost := uint64(len(truth) - len(l.Statements))
	l.Losses = []compare.Loss{{From: from, To: to, Count: lost, Why: "overwritten in events_statements_history_long before it was read"}}
	for i := range 12 {
		l.Statements = append(l.Statements, compare.Statement{Kind: compare.Other, Connection: 40, Start: epoch.UnixNano() + int64(i)})
	}
	return l
}

// slowlog tells what took a millisecond, by a clock that is an hour ahead.
func slowlog(r *rand.Rand, truth []compare.Statement) *compare.Listing {
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldLockTime, compare.FieldError,
		compare.FieldRowsSent, compare.FieldRowsAffected, compare.FieldRowsExamined, compare.FieldDatabase, compare.FieldUser)
	nature := compare.Nature{Name: "slowlog", Resolution: time.Microsecond, Fields: fields, MinDuration: threshold}
	return tell(truth, nature, func(s *compare.Statement) bool {
		s.Start += int64(time.Hour) + int64(2e3*r.Float64())
		s.Duration -= time.Duration(8e3 + 3e3*r.Float64())
		if r.IntN(60) == 0 {
			s.Examined++
		}
		return s.Duration >= threshold
	})
}

// generallog tells texts alone, when they come.
func generallog(r *rand.Rand, truth []compare.Statement) *compare.Listing {
	nature := compare.Nature{Name: "generallog", Resolution: time.Microsecond, Fields: compare.FieldsOf(compare.FieldText)}
	return tell(truth, nature, func(s *compare.Statement) bool {
		s.Start += int64(20e3 + 8e3*r.Float64())
		return true
	})
}

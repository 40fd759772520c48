// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/report"
)

// Hostile is a result in which everything that comes from outside wants to get out
// of what it is shown in.
func Hostile() *report.Result {
	long := strings.Repeat(Attack+" ", 20)
	fields := compare.FieldsOf(compare.FieldText, compare.FieldDuration, compare.FieldDatabase, compare.FieldUser, compare.FieldSQLState)
	listing := func(name string, add time.Duration) *compare.Listing {
		l := &compare.Listing{
			Nature: compare.Nature{Name: name, Fields: fields, Partial: true, Why: long},
			Losses: []compare.Loss{{Count: 3, Why: long}},
		}
		for i := range 30 {
			l.Statements = append(l.Statements, compare.Statement{
				Has: fields, Connection: 7, Start: epoch.UnixNano() + int64(i)*1e6, Duration: time.Duration(i+1)*10*time.Microsecond + add,
				Text: long, Database: Attack + name, User: Attack, SQLState: Attack,
			})
		}
		return l
	}
	a, b := listing("probes", 0), listing("other"+Attack, 50*time.Microsecond)
	b.Statements = b.Statements[2:]
	window := compare.Window{From: epoch.UnixNano() - 1e9, To: epoch.UnixNano() + 1e9}
	r := report.New(report.About{
		Tool: "spanbridge", Started: epoch, Server: report.Server{Product: Attack, Version: long, Endpoint: Attack},
		Host: report.Host{Kernel: Attack, CPU: Attack, Cores: 1}, Load: Attack, Details: map[string]string{"probes": long},
	}, []*compare.Listing{a, b}, []report.Pair{{A: 0, B: 1, Verdict: compare.Judge(a, b, window)}})
	r.AddUnavailable(Attack, long+"\n"+long)
	r.AddCost(&cost.Result{Load: Attack, Server: long, Methods: []cost.Method{
		{Name: cost.Nothing, Detail: Attack, CPUMicros: 100}, {Name: Attack, Detail: long, Missing: long + "\n" + Attack},
	}})
	r.AddMessage(report.Message{At: epoch, Severity: Attack, Code: Attack, Text: long})
	return r
}

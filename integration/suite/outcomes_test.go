// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

const statusError = 2 // OTLP's Status.StatusCode

// command is the word for the way in which a statement came.
func (sc *scene) command(s *statement) any {
	switch {
	case s.preparation:
		return nil
	case s.step.Send == "prepared" || s.step.Send == "unnamed":
		return "Execute"
	}
	return "Query"
}

// asNumber is an error number as spans write it, nil for none.
func (f *failure) asNumber() any {
	if f == nil || f.number == 0 {
		return nil
	}
	return strconv.Itoa(f.number)
}

func checkFailure(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	failed := o.Status == statusError
	if failed != (o.Attributes["error.type"] != nil) {
		return wrong, fmt.Sprintf("status %d, error.type %v", o.Status, o.Attributes["error.type"])
	}
	switch {
	case failed && s.failure != nil:
		return right, ""
	case failed:
		return wrong, fmt.Sprintf("it succeeded: %v", o.Attributes["error.type"])
	case s.failure != nil:
		return absent, s.failure.String()
	}
	return silent, ""
}

// checkNumber: where servers have no error numbers, the status code is something else.
func checkNumber(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got := o.Attributes["db.response.status_code"]
	if sc.tier.Dialect == postgresqlDialect && got == o.Attributes["spanbridge.sqlstate"] {
		got = nil
	}
	return compare(got, s.failure.asNumber())
}

// checkState: PostgreSQL's status code is the SQLSTATE.
func checkState(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	var want any
	if s.failure != nil {
		want = s.failure.sqlstate
	}
	got := o.Attributes["spanbridge.sqlstate"]
	if code := o.Attributes["db.response.status_code"]; sc.tier.Dialect == postgresqlDialect && code != got {
		return wrong, fmt.Sprintf("status code %v, SQLSTATE %v", code, got)
	}
	return compare(got, want)
}

// checkMessage: what a statement says in its own words stays away.
func checkMessage(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	var got, want any
	if o.Message != "" {
		got = o.Message
	}
	if f := s.failure; f != nil && f.sqlstate != "45000" && f.sqlstate != "P0001" {
		want = string(sqltext.AppendSanitizedMessage(nil, []byte(f.message)))
	}
	return compare(got, want)
}

func checkSent(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got, found := o.Attributes["spanbridge.rows.sent"]
	if s.failure != nil || s.preparation {
		if found && s.preparation {
			return wrong, "a preparation sends no rows"
		}
		return silent, ""
	}
	return compare(got, s.result.rows)
}

// checkAffected: without the attribute no row was affected.
func checkAffected(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got, found := o.Attributes["spanbridge.rows.affected"]
	switch {
	case !found && s.result.affected <= 0:
		return silent, ""
	case found && s.failure != nil:
		return wrong, fmt.Sprintf("got %v of what failed", got)
	case found && s.result.affected < 0 && s.account != nil:
		return compare(got, s.account.affected)
	case !found:
		return absent, fmt.Sprintf("want %d", s.result.affected)
	}
	return compare(got, max(s.result.affected, 0))
}

// checkProcessed compares what PostgreSQL's command tags tell: rows that were sent
// or affected, whichever it is. Without the attribute there were none.
func checkProcessed(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got, found := o.Attributes["spanbridge.rows.processed"]
	want := max(s.result.rows, s.result.affected)
	switch {
	case s.failure != nil && found:
		return wrong, fmt.Sprintf("got %v of what failed", got)
	case s.failure != nil || !found && want == 0:
		return silent, ""
	case !found:
		return absent, fmt.Sprintf("want %d", want)
	}
	return compare(got, want)
}

// checkExamined needs the server's own account.
func checkExamined(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got, found := o.Attributes["spanbridge.rows.examined"]
	if s.account == nil && found {
		return wrong, fmt.Sprintf("got %v, and nobody knows better", got)
	}
	if s.account == nil || s.preparation || !sc.countsExamined(s) {
		return silent, ""
	}
	return compare(got, s.account.examined)
}

// countsExamined reports whether Performance Schema counts rows examined of what a
// statement executes. MySQL 5.6 has 0 for prepared statements: while they run, the
// session has no statement to count for (sql/sql_prepare.cc, m_statement_psi).
func (sc *scene) countsExamined(s *statement) bool {
	return sc.tier.Dialect != mysql56Dialect || s.step.Send != "prepared" && !strings.HasPrefix(s.sql, "EXECUTE")
}

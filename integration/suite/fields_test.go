// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
	"github.com/spanbridge/spanbridge/integration/backends"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// verdict is what a span says of one field of one statement.
type verdict int

const (
	silent verdict = iota // the field says nothing of this statement, rightly
	absent                // it should, and is not there
	right                 // it is there and true
	wrong                 // it is there and not true
)

// scene is what is true of all statements of a run.
type scene struct {
	tier    *tier
	server  *servers.Server
	version string // the server's own word
	dialect sqltext.Dialect
}

// check judges a field, and says what it has seen.
type check func(sc *scene, c *cell, s *statement, o *observed) (verdict, string)

// checks are for the fields of expected.yaml.
var checks = map[string]check{
	"connection":                   equal("spanbridge.connection.id", func(_ *scene, s *statement) any { return s.connection }),
	"user":                         equal("user.name", func(*scene, *statement) any { return servers.User }),
	"client address":               equal("client.address", func(*scene, *statement) any { return "127.0.0.1" }),
	"database":                     equal("db.namespace", func(_ *scene, s *statement) any { return s.database }),
	"text":                         checkText,
	"protocol":                     equal("spanbridge.command", func(sc *scene, s *statement) any { return sc.command(s) }),
	"server's address and port":    checkServer,
	"server's version":             checkVersion,
	"name":                         checkName,
	"thread":                       checkThread,
	"start and end":                checkTimes,
	"failure":                      checkFailure,
	"error number":                 checkNumber,
	"SQLSTATE":                     checkState,
	"error message":                checkMessage,
	"rows sent":                    checkSent,
	"rows affected":                checkAffected,
	"rows examined":                checkExamined,
	"rows processed":               checkProcessed,
	"statements of routines":       checkInner,
	"texts of a packet":            checkParts,
	"phases":                       checkPhases,
	"row lock wait":                checkWait("row lock"),
	"table wait":                   checkWait("table"),
	"named lock wait":              checkWait("named lock"),
	"sleep":                        checkWait("sleep"),
	"sort":                         checkDoes("sorts"),
	"commit":                       checkDoes("commits"),
	"stages":                       checkStages,
	"context in a comment":         checkContext("comment"),
	"context in a query attribute": checkContext("attribute"),
	"context in a variable":        checkContext("variable"),
}

// These say which statements have a span at all; see match.
const (
	preparations = "preparations"
	executions   = "prepared executions"
	packets      = "statements of a packet"
)

// equal compares an attribute of a span. A truth of nil is for statements of
// which the attribute says nothing.
func equal(attribute string, truth func(*scene, *statement) any) check {
	return func(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
		return compare(o.Attributes[attribute], truth(sc, s))
	}
}

func compare(got, want any) (verdict, string) {
	switch {
	case got == nil && want == nil:
		return silent, ""
	case got == nil:
		return absent, fmt.Sprintf("want %#v", want)
	case got == want:
		return right, ""
	}
	return wrong, fmt.Sprintf("got %#v, want %#v", got, want)
}

func (sc *scene) sanitised(sql string) string {
	text, _ := sqltext.AppendSanitized(nil, []byte(sql), sc.dialect)
	return string(text)
}

// checkText: a text that is cut begins like the statement and tells its length.
func checkText(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	got, found := o.Attributes["db.query.text"].(string)
	want := sc.sanitised(s.sql)
	if o.Attributes["spanbridge.query.truncated"] == true {
		if length := o.Attributes["spanbridge.query.length"]; length != int64(len(s.sql)) {
			return wrong, fmt.Sprintf("length %v, want %d", length, len(s.sql))
		}
		want = want[:min(len(want), len(got)-len("…"))] + "…"
	}
	if !found {
		return absent, "want " + want
	}
	return compare(got, want)
}

func checkName(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	want := sqltext.Summarize(sc.sanitised(s.sql), sc.dialect).Text
	switch {
	case s.preparation:
		want = "PREPARE"
	case want == "":
		return silent, ""
	case o.Name == o.Attributes["db.system.name"]:
		return absent, "want " + want
	}
	return compare(o.Name, want)
}

func checkServer(sc *scene, _ *cell, _ *statement, o *observed) (verdict, string) {
	host, err := os.Hostname()
	if err != nil {
		return wrong, err.Error()
	}
	if v, detail := compare(o.Attributes["server.address"], host); v != right {
		return v, detail
	}
	return compare(o.Attributes["server.port"], int64(sc.server.Port))
}

func checkVersion(sc *scene, _ *cell, _ *statement, o *observed) (verdict, string) {
	return compare(o.Resource["service.version"], sc.version)
}

// checkThread: the thread is one of the server's, or of a process that it has
// started for the connection.
func checkThread(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	thread, found := o.Attributes["thread.id"].(int64)
	if !found {
		return absent, ""
	}
	if sc.tier.Dialect == postgresqlDialect {
		own, err := ownNumber(thread)
		if err != nil {
			return wrong, err.Error()
		}
		return compare(own, s.connection)
	}
	of := filepath.Join("/proc", strconv.Itoa(sc.server.PID), "task", strconv.FormatInt(thread, 10))
	if _, err := os.Stat(of); err != nil {
		return wrong, err.Error()
	}
	return right, ""
}

// ownNumber is a process's number in its own pid namespace, such as that of a
// container: the last of NSpid (proc(5)).
func ownNumber(pid int64) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.FormatInt(pid, 10), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "NSpid:" {
			return strconv.ParseInt(f[len(f)-1], 10, 64)
		}
	}
	return 0, fmt.Errorf("process %d has no NSpid", pid)
}

// checkTimes: a statement begins after the client has sent it, and ends before
// the server has read the next command.
func checkTimes(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	if o.Start.Before(s.sent) || o.End.After(s.settled) || o.End.Before(o.Start) {
		return wrong, fmt.Sprintf("began %v after it was sent, ended %v before the server was done",
			o.Start.Sub(s.sent), s.settled.Sub(o.End))
	}
	return right, ""
}

// checkParts: each statement of a packet has its own text and time, one after
// the other. That there is a span for each, match knows.
func checkParts(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	if len(s.step.Parts) == 0 {
		return silent, ""
	}
	if v, detail := compare(text(o.Span), sc.sanitised(s.sql)); v != right {
		return absent, detail
	}
	if strings.Contains(s.sql, ";") {
		return absent, "that of the whole packet"
	}
	return right, ""
}

// checkInner compares the texts of what ran inside.
func checkInner(sc *scene, _ *cell, s *statement, o *observed) (verdict, string) {
	var got []string
	for _, inner := range o.inside {
		if t := text(inner); t != "" {
			got = append(got, t)
		}
	}
	want := choose(s.step.Inner, sc.tier.Dialect)
	switch {
	case len(got) == 0 && len(want) == 0:
		return silent, ""
	case len(got) == 0:
		return absent, fmt.Sprintf("want %q", want)
	case slices.Equal(got, want):
		return right, ""
	}
	return wrong, fmt.Sprintf("got %q, want %q", got, want)
}

// checkContext: a statement is under the span that it names, or has a link to it
// if that is stale, and is under no other.
func checkContext(carrier string) check {
	return func(_ *scene, _ *cell, s *statement, o *observed) (verdict, string) {
		if s.step.Context != carrier {
			if s.step.Context == "" && o.ParentID != "" {
				return wrong, "is under span " + o.ParentID
			}
			return silent, ""
		}
		trace, parent := o.TraceID, o.ParentID
		if s.stale && parent == "" && len(o.Links) == 1 {
			trace, parent = o.Links[0].TraceID, o.Links[0].SpanID
		}
		if parent == "" {
			return absent, ""
		}
		return compare(fmt.Sprintf("00-%s-%s-01", trace, parent), s.traceparent)
	}
}

// checkPhases: all of them are there, one after the other.
func checkPhases(_ *scene, c *cell, s *statement, o *observed) (verdict, string) {
	if s.failure != nil || s.preparation {
		return silent, ""
	}
	names := c.As
	if len(names) == 0 {
		names = []string{"execute"}
	}
	end := o.Start
	for _, name := range names {
		i := slices.IndexFunc(o.inside, func(inner *backends.Span) bool { return inner.Name == name })
		if i < 0 {
			return absent, "no " + name
		}
		if phase := o.inside[i]; phase.Start.Before(end) || phase.End.After(o.End) {
			return wrong, name + " is not within the statement, or not after what was before"
		}
		end = o.inside[i].End
	}
	return right, ""
}

// checkStages looks for a stage that every statement has.
func checkStages(_ *scene, c *cell, s *statement, o *observed) (verdict, string) {
	names := c.As
	if len(names) == 0 {
		names = []string{"starting", "Starting"}
	}
	if s.preparation {
		return silent, ""
	}
	for _, inner := range o.inside {
		if slices.Contains(names, inner.Name) {
			return within(inner, o)
		}
	}
	return absent, ""
}

// within judges an inner span by its time.
func within(inner *backends.Span, o *observed) (verdict, string) {
	if inner.Start.Before(o.Start) || inner.End.After(o.End) {
		return wrong, inner.Name + " is not within the statement"
	}
	return right, ""
}

// checkWait looks for a wait that is long enough: by its name where it has one,
// else of any name.
func checkWait(kind string) check {
	return func(_ *scene, c *cell, s *statement, o *observed) (verdict, string) {
		if s.step.Waits.For != kind {
			return silent, ""
		}
		for _, inner := range o.inside {
			named := slices.Contains(c.As, inner.Name)
			if len(c.As) == 0 {
				named = text(inner) == "" && inner.Name != "execute"
			}
			if took := inner.End.Sub(inner.Start); named && took >= s.step.Waits.Least {
				return within(inner, o)
			}
		}
		return absent, "inner spans: " + names(o)
	}
}

// checkDoes looks for an inner span by its name.
func checkDoes(what string) check {
	return func(_ *scene, c *cell, s *statement, o *observed) (verdict, string) {
		if !slices.Contains(s.step.Does, what) {
			return silent, ""
		}
		for _, inner := range o.inside {
			if slices.Contains(c.As, inner.Name) {
				return within(inner, o)
			}
		}
		return absent, "inner spans: " + names(o)
	}
}

func names(o *observed) string {
	var list []string
	for _, inner := range o.inside {
		list = append(list, fmt.Sprint(inner.Name, " ", inner.End.Sub(inner.Start).Round(time.Microsecond)))
	}
	return fmt.Sprintf("%q", list)
}

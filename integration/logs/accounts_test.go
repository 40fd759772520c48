// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/errorlog"
	"github.com/spanbridge/spanbridge/compare/generallog"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/slowlog"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// followed reads a log while it is written, until it is told to stop.
func followed(t *testing.T, path string, account func(io.Reader) compare.Account) (stop func() *compare.Listing) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := logfile.Follow(ctx, path, false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan *compare.Listing, 1)
	go func() {
		l, err := compare.Collect(account(tail), mostStatements)
		if err != nil {
			t.Error(err)
		}
		done <- l
	}()
	return func() *compare.Listing { cancel(); return <-done }
}

// unsafe is a statement that servers warn of in their error log, with its text.
const unsafe = "INSERT INTO t VALUES (900001, CONCAT(UUID(), 'secret'))"

func TestLogsTellWhatClientsDid(t *testing.T) {
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			s, db := p.server(t)
			setUp(t, db)
			var slow *slowlog.Reader
			var general *generallog.Reader
			stopSlow := followed(t, slowPath(s), func(r io.Reader) compare.Account {
				slow = slowlog.New(r, slowlog.Options{})
				return slow
			})
			stopGeneral := followed(t, generalPath(s), func(r io.Reader) compare.Account {
				general = generallog.New(r, time.Local)
				return general
			})
			j := &journal{}
			began := time.Now()
			work(t, j, db, func() { rotate(t, s, db) })
			c := j.client(t, db)
			c.exec(unsafe)
			c.query("SELECT 'the next one'")
			c.conn.Close()
			time.Sleep(300 * time.Millisecond) // servers log after they have answered
			ofSlow, ofGeneral := stopSlow(), stopGeneral()
			t.Run("slowlog", func(t *testing.T) {
				p.nature(t, ofSlow, slow.Damaged())
				plausible(t, judge(t, &p, j, ofSlow), j, ofSlow)
			})
			t.Run("generallog", func(t *testing.T) {
				p.nature(t, ofGeneral, general.Damaged())
				judge(t, &p, j, ofGeneral)
			})
			t.Run("tables", func(t *testing.T) { p.tables(t, db, j, began) })
			t.Run("errorlog", func(t *testing.T) { p.errorLog(t, s, ofSlow) })
		})
	}
}

// rotate renames both logs and has the server open them again, as logrotate does.
func rotate(t *testing.T, s *servers.Server, db *sql.DB) {
	for path, flush := range map[string]string{slowPath(s): "FLUSH SLOW LOGS", generalPath(s): "FLUSH GENERAL LOGS"} {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Error(err)
		}
		if _, err := db.ExecContext(t.Context(), flush); err != nil {
			t.Error(err)
		}
	}
}

func (p *product) nature(t *testing.T, l *compare.Listing, damaged uint64) {
	t.Helper()
	resolution := p.resolution
	if p.stampsEnds && l.Nature.Name == "slowlog" {
		resolution *= 2
	}
	if l.Nature.Resolution != resolution || l.Nature.SkipsUnparsed == slices.Contains(p.unparsed, l.Nature.Name) || damaged > 0 {
		t.Errorf("%+v, %d damaged lines", l.Nature, damaged)
	}
}

// tables reads what servers keep in mysql.slow_log and mysql.general_log.
func (p *product) tables(t *testing.T, db *sql.DB, j *journal, began time.Time) {
	slow, err := slowlog.OpenTable(t.Context(), db, began, slowlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	general, err := generallog.OpenTable(t.Context(), db, began)
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range []compare.Account{slow, general} {
		l, err := compare.Collect(account, mostStatements)
		if err != nil {
			t.Fatal(err)
		}
		if (l.Nature.Resolution >= time.Second) != p.coarseTables {
			t.Errorf("%+v", l.Nature)
		}
		v := judge(t, p, j, l)
		if account == slow && !p.coarseTables {
			plausible(t, v, j, l)
		}
	}
}

// errorLog looks for the warning about the unsafe statement, and for that statement in
// the slow log.
func (p *product) errorLog(t *testing.T, s *servers.Server, slow *compare.Listing) {
	paths := []string{s.ErrorLog()}
	if p.jsonSink {
		paths = append(paths, s.ErrorLog()+".00.json")
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r := errorlog.New(file, time.Local)
		var all []errorlog.Message
		for {
			var m errorlog.Message
			if err := r.Next(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		if r.Damaged() > 0 || len(all) < 10 {
			t.Errorf("%s: %d messages, %d damaged lines", path, len(all), r.Damaged())
		}
		i := slices.IndexFunc(all, func(m errorlog.Message) bool { return strings.HasPrefix(m.Text, "Unsafe statement") })
		if i < 0 {
			t.Errorf("%s tells nothing of the unsafe statement", path)
			continue
		}
		if m := all[i]; m.Severity != errorlog.Warning || strings.Contains(m.Text, "secret") || (m.Connection == 0) != p.processIDs {
			t.Errorf("%+v", m)
		}
		if p.processIDs {
			continue
		}
		joined := errorlog.Join(all, slow)[i]
		if !slices.ContainsFunc(joined, func(i int) bool { return strings.Contains(slow.Statements[i].Text, "CONCAT(UUID()") }) {
			t.Errorf("%s: joined with %d statements, not with the one that it is about: %+v", path, len(joined), all[i])
		}
	}
}

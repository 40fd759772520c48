// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/generallog"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// products are the servers that accounts are held against each other on.
var products = map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
	"mariadb": servers.StockMariaDB, "mysql": servers.MySQL,
}

func startServer(t *testing.T, name string, args ...string) *servers.Server {
	t.Helper()
	return started(t, products[name], args...)
}

func started(t *testing.T, start func(context.Context, ...servers.Option) (*servers.Server, error), args ...string) *servers.Server {
	t.Helper()
	s, err := start(t.Context(), servers.WithArgs(args...))
	if errors.Is(err, servers.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// TestTheJournalIdentifiesEveryStatement: the general log of the server has what the journal has, and of
// two statements of one text on a connection there is one with a number in between.
func TestTheJournalIdentifiesEveryStatement(t *testing.T) {
	s := startServer(t, "mariadb", "--general-log=1", "--general-log-file=general.log")
	l, err := load.Parse("mixed:statements=2000,connections=3", s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	mixed := l.(*load.Mixed)
	mixed.Keep(100_000)
	stats, err := mixed.Run(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", stats)
	journal, err := compare.Collect(mixed.Journal(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if n := uint64(len(journal.Statements)); n < 2000 || n > 2100 || n != stats.Statements || stats.Errors < n/100 || stats.P50 <= 0 || stats.P99 < stats.P50 {
		t.Errorf("%d statements in the journal, %+v", n, stats)
	}
	identified(t, journal)
	file, err := os.Open(filepath.Join(s.Datadir, "general.log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := compare.Collect(generallog.New(file, time.Local), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	v := compare.Judge(journal, log, compare.Window{To: 1 << 62})
	for _, m := range v.MissingB {
		t.Errorf("%d statements are not in the log (%s), such as %+v", m.Count, m.Reason, journal.Statements[m.Examples[0]])
	}
	if v.Matched != len(journal.Statements) {
		t.Errorf("%d of %d statements matched", v.Matched, len(journal.Statements))
	}
	// Another run does as much again, as a slice of a measurement has to.
	mixed.Keep(0)
	again, err := mixed.Run(t.Context(), time.Minute)
	if err := errors.Join(err, mixed.Close()); err != nil {
		t.Fatal(err)
	}
	if again.Statements < 2000 || again.Statements > 2100 {
		t.Errorf("the second run: %+v, want 2000 statements again", again)
	}
	if more, err := compare.Collect(mixed.Journal(), 1); err != nil || len(more.Statements) > 0 {
		t.Errorf("%d statements of the second run are in the journal, %v", len(more.Statements), err)
	}
}

func identified(t *testing.T, journal *compare.Listing) {
	t.Helper()
	numbered := make(map[string]int)
	since := make(map[uint64]map[string]bool)
	for _, s := range journal.Statements {
		mine := fmt.Sprintf("s%d_", s.Connection)
		if strings.Contains(s.Text, mine) {
			numbered[s.Text]++
			since[s.Connection] = nil
			continue
		}
		if since[s.Connection][s.Text] {
			t.Fatalf("%+v cannot be told from the one before", s)
		}
		if since[s.Connection] == nil {
			since[s.Connection] = make(map[string]bool)
		}
		since[s.Connection][s.Text] = true
	}
	for text, n := range numbered {
		if n > 1 {
			t.Errorf("there are %d of %q", n, text)
		}
	}
	if len(numbered) < len(journal.Statements)/2 {
		t.Errorf("only %d of %d statements have a number", len(numbered), len(journal.Statements))
	}
}

// TestSysbenchAndCommandsAreLoadsToo: what they are said to have done, the server has counted.
func TestSysbenchAndCommandsAreLoadsToo(t *testing.T) {
	s := startServer(t, "mariadb")
	for _, c := range []struct{ spec, unit string }{
		{"sysbench:oltp_point_select:threads=2,rows=1000", "statement"},
		{"sysbench:oltp_read_write:threads=2,rows=1000,prepared=0", "transaction"},
		{"cmd:for i in 1 2 3 4 5; do mariadb --socket=" + s.Socket + " -u spanbridge -pspanbridge -e 'SELECT 1'; done; sleep 100", "statement"},
	} {
		l, err := load.Parse(c.spec, s.DSN)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := l.Run(t.Context(), time.Second)
		if err := errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", c.spec, stats)
		switch {
		case stats.Unit != c.unit || stats.Seconds < 0.9 || stats.Seconds > 10:
			t.Errorf("%s: %+v", c.spec, stats)
		case strings.HasPrefix(c.spec, "cmd") && (stats.Statements < 5 || stats.Statements > 15):
			t.Errorf("%s: %+v", c.spec, stats)
		case strings.HasPrefix(c.spec, "sysbench") && (stats.Statements < 100 || stats.P50 <= 0 || stats.P99 < stats.P50):
			t.Errorf("%s: %+v", c.spec, stats)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/perfschema"
	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/integration/servers"
)

const slowLog = "slow.log"

// logged are the arguments of a server that logs everything.
func logged(more ...string) []string {
	return append([]string{"--slow-query-log=1", "--slow-query-log-file=" + slowLog, "--long-query-time=0"}, more...)
}

// shortOf is how many statements an account lacks for a reason.
func shortOf(a *report.Account, reason string) int {
	for _, m := range a.Coverage.Lacks {
		if m.Reason == reason {
			return m.Count
		}
	}
	return 0
}

// TestASlowLogWithAThresholdIsFoundOut: what it lacks is shorter, and nothing else is missing.
func TestASlowLogWithAThresholdIsFoundOut(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, logged("--long-query-time=0.05")...)
			o := spanbridgeCompare(t, s, "--accounts", "journal,probes,slowlog", "--load", "mixed:statements=3000", "--duration", "60s")
			a := o.account(t, "slowlog")
			short := shortOf(a, string(compare.ReasonShort))
			unparsed := shortOf(a, string(compare.ReasonUnparsed))
			// On a busy machine a thread may have to wait where the one watch runs and the other does not.
			unknown := a.Coverage.Unexplained
			if short < a.Coverage.Expected*9/10 || a.Coverage.Seen+short+unparsed+unknown != a.Coverage.Expected || 100*unknown > a.Coverage.Expected {
				t.Errorf("%+v\n%s", a.Coverage, o.stderr)
			}
			if a.MinDurationNs != int64(50*time.Millisecond) {
				t.Errorf("the threshold is told to be %v", time.Duration(a.MinDurationNs))
			}
		})
	}
}

// TestARotatedLogIsReadOnAndATruncatedOneIsFoundOut: what is renamed loses nothing; what is copied and truncated
// loses what had not been read, and that is told.
func TestARotatedLogIsReadOnAndATruncatedOneIsFoundOut(t *testing.T) {
	s := startServer(t, "mysql", logged()...)
	path := filepath.Join(s.Datadir, slowLog)
	during := func(what func()) *report.Account {
		done := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					what()
				}
			}
		}()
		o := spanbridgeCompare(t, s, "--accounts", "journal,slowlog", "--load", "mixed:statements=6000", "--duration", "60s")
		close(stop)
		<-done
		return o.account(t, "slowlog")
	}
	n := 0
	a := during(func() {
		if n++; n%4 == 0 {
			rotate(t, s, path)
		}
	})
	if unparsed := shortOf(a, string(compare.ReasonUnparsed)); n < 4 || a.Coverage.Seen+unparsed != a.Coverage.Expected || len(a.Losses) > 0 {
		t.Errorf("rotated: %+v, losses %+v", a.Coverage, a.Losses)
	}
	a = during(func() {
		if err := os.Truncate(path, 0); err != nil {
			t.Error(err)
		}
	})
	if shortOf(a, logfile.WhyTruncated) == 0 || a.Coverage.Unexplained != 0 || len(a.Losses) == 0 {
		t.Errorf("truncated: %+v, losses %+v", a.Coverage, a.Losses)
	}
}

func rotate(t *testing.T, s *servers.Server, path string) {
	db, err := sql.Open("mysql", s.DSN)
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Error(err)
	}
	if _, err := db.Exec("FLUSH SLOW LOGS"); err != nil {
		t.Error(err)
	}
}

// TestAnAccountThatIsAnHourOffIsFoundOut: clients set their clock, by which MariaDB stamps its slow log. Nothing is missing
// for that, and the report says by how much the clock is off.
func TestAnAccountThatIsAnHourOffIsFoundOut(t *testing.T) {
	s := startServer(t, "mariadb", logged("--init-connect=SET TIMESTAMP = UNIX_TIMESTAMP() + 3600")...)
	db, err := sql.Open("mysql", s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{ // init_connect is not for administrators
		"CREATE USER app@'%' IDENTIFIED BY 'spanbridge'", "GRANT ALL ON test.* TO app@'%'",
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	app := *s
	app.DSN = "app" + s.DSN[len(servers.User):]
	o := spanbridgeCompare(t, &app, "--accounts", "journal,probes,slowlog", "--load", "mixed:statements=1500", "--duration", "60s")
	a := o.account(t, "slowlog")
	if a.Coverage.Seen != a.Coverage.Expected {
		t.Errorf("%+v\n%s", a.Coverage, o.stderr)
	}
	for _, reference := range []string{"journal", "probes"} {
		offsets := o.verdict(t, reference, "slowlog").Offsets
		if len(offsets) != 1 {
			t.Fatalf("%s: offsets %+v", reference, offsets)
		}
		if d := time.Duration(offsets[0].Ns) - time.Hour; max(d, -d) > 2*time.Second {
			t.Errorf("%s: the clock is told to be off by %v, want an hour", reference, time.Duration(offsets[0].Ns))
		}
	}
	if offsets := o.verdict(t, "journal", "probes").Offsets; len(offsets) != 1 || max(offsets[0].Ns, -offsets[0].Ns) > int64(20*time.Millisecond) {
		t.Errorf("the clock of the probes is told to be off: %+v", offsets)
	}
}

// TestAHistoryThatIsTooSmallIsFoundOut: what Performance Schema overwrites before it can be read is told as lost, and
// nothing else is missing.
func TestAHistoryThatIsTooSmallIsFoundOut(t *testing.T) {
	for name, args := range map[string][]string{"mariadb": {"--performance-schema=ON"}, "mysql": nil} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name, append(args, "--performance-schema-events-statements-history-long-size=20")...)
			o := spanbridgeCompare(t, s, "--accounts", "journal,perfschema", "--load", "mixed:statements=4000,connections=8", "--duration", "60s",
				"--setup", "--state", filepath.Join(t.TempDir(), "state"))
			a := o.account(t, "perfschema")
			if a.Coverage == nil {
				t.Fatal(o.stderr)
			}
			over, unnamed := shortOf(a, perfschema.WhyOverwritten), shortOf(a, perfschema.WhyUnnamed)
			t.Logf("%d of %d are told to be overwritten, unexplained %d, losses %+v", over, a.Coverage.Expected, a.Coverage.Unexplained, a.Losses)
			unknown := a.Coverage.Unexplained
			if over == 0 || unknown > torn || a.Coverage.Seen+over+unnamed+unknown != a.Coverage.Expected {
				t.Errorf("%+v", a.Coverage)
			}
		})
	}
}

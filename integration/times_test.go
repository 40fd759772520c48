// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// timeClasses are what the time of a statement is spent with, by attribute.
var timeClasses = []string{"cpu", "run_queue", "lock", "disk", "sync", "network", "sleep", "other"}

// timesOf is where the time of a span went, which adds up to its duration. It is
// nil if that is not known.
func timesOf(t *testing.T, s *otlpSpan) map[string]time.Duration {
	t.Helper()
	times := make(map[string]time.Duration)
	var sum time.Duration
	for _, class := range timeClasses {
		seconds, _ := s.Attrs["spanbridge.time."+class].(float64)
		times[class] = time.Duration(seconds * 1e9)
		sum += times[class]
	}
	if sum == 0 {
		return nil
	}
	if d := sum - s.duration(); max(d, -d) > s.duration()*3/100+10*time.Microsecond {
		t.Errorf("%s: %v of %v: %v", s.text(), sum, s.duration(), times)
	}
	return times
}

// timed is a kind of statement of which it is known what it waits for.
type timed struct {
	name  string
	class string
	least time.Duration // of that class, over all statements
	// share is the least part of the time that is not the run queue's.
	share float64
	is    func(text string) bool
}

// check adds up the times of the statements of a kind.
func (k *timed) check(t *testing.T, spans []otlpSpan) {
	t.Helper()
	total := make(map[string]time.Duration)
	var duration time.Duration
	known, all := 0, 0
	for i := range spans {
		s := &spans[i]
		if s.Kind != kindServer || !k.is(s.text()) {
			continue
		}
		all++
		times := timesOf(t, s)
		if times == nil {
			continue
		}
		known++
		duration += s.duration()
		for class, d := range times {
			total[class] += d
		}
	}
	t.Logf("%s: %d of %d statements, %v: %v", k.name, known, all, duration, total)
	if known == 0 || all-known > all/10+1 {
		t.Errorf("%s: the time of %d of %d statements is known", k.name, known, all)
	}
	if got, rest := total[k.class], duration-total["run_queue"]; got < k.least || float64(got) < k.share*float64(rest) {
		t.Errorf("%s: %v of %s, want at least %v, and %.2f of %v: %v", k.name, got, k.class, k.least, k.share, rest, total)
	}
}

func contains(part string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, part) }
}

// What statements of the MySQL family wait for. A commit does a few other things
// than to sync, as does a read from the disk.
var familyTimes = []timed{
	{"a row lock", "lock", 280 * time.Millisecond, 0.6, contains("UPDATE held")}, // and its commit
	{"a sleep", "sleep", 190 * time.Millisecond, 0.95, contains("SLEEP")},
	{"computing", "cpu", 20 * time.Millisecond, 0.95, contains("BENCHMARK")},
	{"commits", "sync", time.Millisecond, 0.1, contains("INSERT INTO committed")},
	{"cold reads", "disk", time.Millisecond, 0.05, contains("FROM cold WHERE")},
}

var familySettings = []string{
	"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=8M", "--innodb-flush-method=O_DIRECT",
	"--innodb-use-native-aio=0",
}

func prepareFamily(c *client) {
	c.must("CREATE TABLE held (id INT PRIMARY KEY, n INT) ENGINE=InnoDB")
	c.must("INSERT INTO held VALUES (1, 0)")
	c.must("CREATE TABLE committed (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=InnoDB")
	c.must("CREATE TABLE cold (id INT PRIMARY KEY AUTO_INCREMENT, pad CHAR(250), pad2 CHAR(250), pad3 CHAR(250), pad4 CHAR(250)) ENGINE=InnoDB")
	c.must("INSERT INTO cold (pad) VALUES ('a'), ('b'), ('c'), ('d')")
	for range 12 { // 16384 rows, some 20 MB
		c.must("INSERT INTO cold (pad, pad2, pad3, pad4) SELECT pad, pad, pad, pad FROM cold")
	}
}

func workOfFamily(t *testing.T, server *servers.Server) {
	t.Helper()
	holder, waiter := connect(t, server, ""), connect(t, server, "")
	holder.must("BEGIN")
	holder.must("UPDATE held SET n = 1")
	done := make(chan error)
	go func() {
		_, err := waiter.run("UPDATE held SET n = 2")
		done <- err
	}()
	time.Sleep(330 * time.Millisecond)
	holder.must("ROLLBACK")
	if err := <-done; err != nil {
		t.Error(err)
	}
	waiter.must("SELECT SLEEP(0.2)")
	waiter.must("SELECT BENCHMARK(300000, SHA2('where the time goes', 256))")
	for range 50 {
		waiter.must("INSERT INTO committed (n) VALUES (1)")
	}
	for i := range 200 {
		waiter.must("SELECT pad FROM cold WHERE id = ?", 1+i*7919%16000)
	}
	waiter.settle()
}

// workTimed is the first statement of the holder, which waits for nobody.
func checkFamily(t *testing.T, spans []otlpSpan) {
	t.Helper()
	var waited []otlpSpan
	for _, s := range spans {
		if strings.Contains(s.text(), "UPDATE held") && s.duration() < 100*time.Millisecond {
			continue // the holder's, who waits for nobody
		}
		waited = append(waited, s)
	}
	for _, kind := range familyTimes {
		kind.check(t, waited)
	}
}

func TestServersTellWhereTheTimeWent(t *testing.T) {
	t.Parallel()
	for _, server := range []struct {
		name  string
		start func(context.Context, ...servers.Option) (*servers.Server, error)
		args  []string
	}{
		{"MariaDB", servers.StockMariaDB, nil},
		{"MariaDB 11.8", servers.MariaDB118, nil},
		{"MySQL", servers.MySQL, nil},
		{"MariaDB with a pool of threads", servers.StockMariaDB, []string{"--thread-handling=pool-of-threads"}},
	} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel() // the run queue's time is left out
			s := startServer(t, tier{start: server.start}, append(server.args, familySettings...)...)
			prepareFamily(connect(t, s, ""))
			r := watch(t, s, func() { workOfFamily(t, s) })
			checkFamily(t, r.spans)
		})
	}
}

// What PostgreSQL waits for. It sleeps as it waits for its client, without one.
var postgresTimes = []timed{
	{"a row lock", "lock", 280 * time.Millisecond, 0.6, contains("UPDATE held SET n = n +")},
	{"a sleep", "other", 190 * time.Millisecond, 0.95, contains("pg_sleep")},
	{"computing", "cpu", 20 * time.Millisecond, 0.95, contains("generate_series")},
	{"commits", "sync", time.Millisecond, 0.1, contains("INSERT INTO committed")},
	{"cold reads", "disk", time.Millisecond, 0.05, contains("FROM cold")},
}

func TestPostgreSQLTellsWhereTheTimeWent(t *testing.T) {
	t.Parallel()
	// What is computed has room in memory: a file that is written to may have to wait for a disk.
	server := startPostgres(t, "-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "shared_buffers=1MB",
		"-c", "max_parallel_workers_per_gather=0", "-c", "work_mem=256MB")
	holder, waiter := openSession(t, server, pgx.QueryExecModeSimpleProtocol), openSession(t, server, pgx.QueryExecModeSimpleProtocol)
	holder.must("CREATE TABLE held (id int PRIMARY KEY, n int)")
	holder.must("INSERT INTO held VALUES (1, 0)")
	holder.must("CREATE TABLE committed (n int)")
	holder.must("CREATE TABLE cold AS SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i")
	holder.must("VACUUM cold")
	holder.must("CHECKPOINT")
	dropFromCache(t, server)
	r := watch(t, server, func() {
		holder.must("BEGIN")
		holder.must("UPDATE held SET n = 1")
		done := make(chan error)
		go func() { done <- waiter.run("UPDATE held SET n = n + 1") }()
		holder.waitsForLock(waiter)
		time.Sleep(300 * time.Millisecond)
		holder.must("COMMIT")
		if err := <-done; err != nil {
			t.Error(err)
		}
		waiter.must("SELECT pg_sleep(0.2)")
		waiter.must("SELECT sum(i) FROM generate_series(1, 1000000) i")
		for range 50 {
			waiter.must("INSERT INTO committed VALUES (1)")
		}
		waiter.must("SELECT count(*) FROM cold")
	})
	for _, kind := range postgresTimes {
		kind.check(t, r.spans)
	}
}

// dropFromCache takes the server's files out of the page cache, as far as they
// have been written.
func dropFromCache(t *testing.T, server *servers.Server) {
	t.Helper()
	err := filepath.WalkDir(server.Datadir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err != nil {
		t.Fatal(err)
	}
}

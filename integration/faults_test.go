// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers/process"
)

// query returns the ledger's row of queries of a tier.
func (r *result) query(w way) map[string]uint64 { return r.ledger["mariadb/query/"+w.tier] }

func TestKilledStatementsEndWhereTheyWereKilled(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := w.server(t)
		db := openPool(t, s)
		b := startBridge(t, "--target", pidOf(s), "--detail", "query")
		j := newJournal(t)
		var all []string
		begin := func(ctx context.Context, how string, i int, d time.Duration) *job {
			alias := fmt.Sprintf("%s_%d", how, i)
			all = append(all, alias)
			return j.sleep(ctx, db, alias, d)
		}
		for i := range 3 {
			query := begin(t.Context(), "kill_query", i, 30*time.Second)
			connection := begin(t.Context(), "kill_connection", i, 30*time.Second)
			ctx, leave := context.WithCancel(t.Context())
			begin(ctx, "client_left", i, 700*time.Millisecond)
			time.Sleep(100 * time.Millisecond)
			leave()
			mustExec(t, db, fmt.Sprintf("KILL QUERY %d", query.id))
			mustExec(t, db, fmt.Sprintf("KILL CONNECTION %d", connection.id))
		}
		j.waitForServer(s)
		// New connections get the threads of those that were killed.
		for i := range 6 {
			begin(t.Context(), "after", i, time.Duration(500+10*i)*time.Millisecond)
		}
		j.wait()
		for alias, one := range j.jobs {
			if one.err == nil && one.asked > 10*time.Second && one.ended.Sub(one.began) > 10*time.Second {
				t.Errorf("%s was not killed", alias)
			}
		}
		db.Close()
		noSleepers(t, s)
		r := b.stop()
		r.mustClose(t)
		j.match(r.spans, all...)
		row := r.query(w)
		t.Logf("ledger: %v", row)
		for _, reason := range []string{"open", "abandoned", "no_start", "replaced"} {
			if row[reason] != 0 {
				t.Errorf("%s = %d, want 0", reason, row[reason])
			}
		}
		if row["paired"] != row["starts"] || uint64(len(r.spans)) != r.ledger["records"]["spans"] {
			t.Errorf("ledger %v, %d spans", row, len(r.spans))
		}
	})
}

func TestServerThatWasKilledIsSeenAgain(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := w.ownServer(t)
		db := openPool(t, s)
		b := startBridge(t, "--target", s.Binary, "--detail", "query")
		j := newJournal(t)
		for i := range 4 {
			j.sleep(t.Context(), db, fmt.Sprintf("before_%d", i), time.Minute)
		}
		killed := s.PID
		if err := s.Kill9(); err != nil {
			t.Fatal(err)
		}
		j.wait()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		var after []string
		for i := range 4 {
			after = append(after, fmt.Sprintf("after_%d", i))
			j.sleep(t.Context(), db, after[i], 300*time.Millisecond)
		}
		j.wait()
		r := b.stop()
		r.mustClose(t)
		unfinished, ended := r.unfinished()
		j.match(ended, after...)
		for i := range ended {
			if s := &ended[i]; aliasIn.MatchString(s.text()) && s.Resource["process.pid"] == int64(killed) {
				t.Errorf("span %q is said to be of the killed server", s.text())
			}
		}
		if len(unfinished) != 4 {
			t.Errorf("%d unfinished spans, want 4", len(unfinished))
		}
		for i := range unfinished {
			s := &unfinished[i]
			if s.Status.Code != 2 || s.Status.Message == "" || s.Attrs["error.type"] != "_OTHER" || s.Resource["process.pid"] != int64(killed) {
				t.Errorf("span %+v", s)
			}
			if w.tier == byUSDT.tier && !strings.Contains(s.text(), "before_") { // others read the text at the end
				t.Errorf("text %q", s.text())
			}
		}
		row := r.query(w)
		t.Logf("ledger: %v", row)
		if row["abandoned"] != 4 || row["unfinished"] != 4 || row["open"] != 0 || row["no_start"] != 0 {
			t.Errorf("ledger %v: want abandoned=4, unfinished=4 and neither open nor no_start", row)
		}
	})
}

func TestStatementsUnderWayAtTheEndAreUnfinished(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := w.server(t)
		db := openPool(t, s)
		b := startBridge(t, "--target", pidOf(s), "--detail", "query", "--min-duration", "100ms")
		j := newJournal(t)
		j.sleep(t.Context(), db, "under_way", 10*time.Second)
		time.Sleep(300 * time.Millisecond)
		r := b.stop()
		r.mustClose(t)
		noLongerWaits(t, db, j)
		unfinished, _ := r.unfinished()
		if len(unfinished) != 1 {
			t.Fatalf("%d unfinished spans, want 1\n%s", len(unfinished), r.stderr)
		}
		one := &unfinished[0]
		if one.Status.Code != 0 || one.duration() < 300*time.Millisecond || one.duration() > 10*time.Second {
			t.Errorf("span %+v", one)
		}
		if w.tier != byPlugin.tier && !strings.Contains(one.text(), "under_way") { // which tells it at the end
			t.Errorf("text %q", one.text())
		}
		if row := r.query(w); row["open"] != 1 || row["unfinished"] != 1 {
			t.Errorf("ledger %v", row)
		}
	})
}

// noLongerWaits ends what a journal waits for.
func noLongerWaits(t *testing.T, db *sql.DB, j *journal) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT ID AS sleeper FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, fmt.Sprintf("KILL QUERY %d", id))
	}
	j.wait()
}

// What began before the probes were there is not measured, so it is counted and
// not guessed.
func TestStatementsUnderWayAreNotGuessed(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		s := w.server(t)
		db := openPool(t, s)
		j := newJournal(t)
		for i := range 4 {
			j.sleep(t.Context(), db, fmt.Sprintf("before_%d", i), time.Minute)
		}
		b := startBridge(t, "--target", pidOf(s), "--detail", "query")
		noLongerWaits(t, db, j)
		noSleepers(t, s)
		j.sleep(t.Context(), db, "inside", 300*time.Millisecond)
		j.wait()
		for i := range 3 {
			j.sleep(t.Context(), db, fmt.Sprintf("unfinished_%d", i), time.Minute)
		}
		r := b.stop()
		r.mustClose(t)
		_, ended := r.unfinished()
		j.match(ended, "inside")
		row := r.query(w)
		t.Logf("first run: %v", row)
		// The plugin tells neither start nor end of what it has not seen begin.
		unseen := map[bool]uint64{true: 0, false: 4}[w.tier == byPlugin.tier]
		if row["open"] != 3 || row["no_start"] != unseen {
			t.Errorf("ledger %v: want open=3 no_start=%d", row, unseen)
		}
		noLongerWaits(t, db, j)

		b = startBridge(t, "--target", pidOf(s), "--detail", "query")
		j.sleep(t.Context(), db, "second_run", 300*time.Millisecond)
		j.wait()
		r = b.stop()
		r.mustClose(t)
		j.match(r.spans, "second_run")
	})
}

// hammer runs statements on some connections until stop is called, which
// returns how many were run.
func hammer(t *testing.T, db *sql.DB, connections int, statement string) (stop func() uint64) {
	t.Helper()
	var done atomic.Bool
	var n atomic.Uint64
	var clients sync.WaitGroup
	for range connections {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		clients.Go(func() {
			defer conn.Close()
			for !done.Load() {
				if _, err := conn.ExecContext(t.Context(), statement); err != nil {
					t.Errorf("%s: %v", statement, err)
					return
				}
				n.Add(1)
			}
		})
	}
	return func() uint64 {
		done.Store(true)
		clients.Wait()
		return n.Load()
	}
}

func TestFullRingLosesExactlyWhatItCounts(t *testing.T) {
	w := byUprobe
	s := w.server(t)
	db := openPool(t, s)
	b := startBridge(t, "--target", pidOf(s), "--ring-bytes", "65536", "--max-lost", "0", "--detail", "query")
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stop := hammer(t, db, 2, "DO 1")
	time.Sleep(time.Second)
	ran := stop()
	if err := b.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.hasWritten()
	const more = 100
	for i := range more {
		mustExec(t, db, fmt.Sprintf("DO 1 + 1 -- %d", i))
	}
	r := b.stop()
	if r.exitCode != 4 || !r.closes {
		t.Errorf("exit code %d, ledger closes: %v, want 4 for loss above --max-lost\n%s", r.exitCode, r.closes, r.stderr)
	}
	row := r.query(w)
	t.Logf("%d statements while it could not read, ledger: %v", ran, row)
	if row["ring_full"] == 0 || row["starts"] != ran+more || row["submitted"] != ran+more-row["ring_full"] {
		t.Errorf("ledger %v: want starts=%d = submitted + ring_full", row, ran+more)
	}
	spans, after := uint64(len(r.spans)), 0
	for i := range r.spans {
		if r.spans[i].text() == "DO ? + ?" {
			after++
		}
	}
	if spans != row["submitted"] || after != more {
		t.Errorf("%d spans, want %d; %d of them after recovery, want %d", spans, row["submitted"], after, more)
	}
}

// hasWritten waits until the bridge has written spans, and writes no more.
func (b *runningBridge) hasWritten() {
	b.t.Helper()
	const quiet = time.Second // twice the longest that a batch waits for
	size, since := int64(0), time.Now()
	eventually(b.t, "the spans so far", func() bool {
		info, err := os.Stat(b.output)
		if err == nil && info.Size() != size {
			size, since = info.Size(), time.Now()
		}
		return size > 0 && time.Since(since) > quiet
	})
}

func TestRunGoesOnWhileNoCollectorListens(t *testing.T) {
	t.Parallel()
	ports, err := process.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	s := byUprobe.server(t)
	db := openPool(t, s)
	env := exporting("http/protobuf", fmt.Sprintf("http://127.0.0.1:%d", ports[0]))
	b := startBridgeWith(t, env, "--target", pidOf(s), "--export", "otlp", "--detail", "query")
	stop := hammer(t, db, 2, "DO 1")
	time.Sleep(time.Second)
	ran := stop()
	began := time.Now()
	r := b.stop()
	took := time.Since(began)
	r.mustClose(t)
	row := r.ledger["otlp"]
	t.Logf("%d statements, shutdown took %v, ledger: %v", ran, took, row)
	if row["taken"] != ran || row["acked"] != 0 || row["queued"] != 0 ||
		row["dropped_shutdown"]+row["dropped_queue_full"]+row["dropped_expired"] != ran {
		t.Errorf("ledger of otlp %v: want all %d spans dropped, by reason", row, ran)
	}
	if uint64(len(r.spans)) != ran {
		t.Errorf("%d spans in the file, want %d: one output must not hold up another", len(r.spans), ran)
	}
	if took > 25*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	var said []string
	for line := range strings.Lines(r.stderr) {
		if strings.Contains(line, "127.0.0.1:"+strconv.Itoa(ports[0])) {
			said = append(said, line)
		}
	}
	if len(said) == 0 || len(said) > 3 || !strings.Contains(said[0], "connection refused") {
		t.Errorf("%d lines about the collector, want one to three:\n%s", len(said), strings.Join(said, ""))
	}
}

func TestKilledBridgeLeavesNothingBehind(t *testing.T) {
	w := byUprobe
	s := w.server(t)
	db := openPool(t, s)
	b := startBridge(t, "--target", pidOf(s), "--detail", "query")
	stop := hammer(t, db, 2, "DO 1")
	time.Sleep(300 * time.Millisecond)
	links := linksOf(t, b.cmd.Process.Pid)
	if len(links) < 2 {
		t.Errorf("the running bridge holds the links %v, want those of start and end at least", links)
	}
	if _, err := exec.LookPath("bpftool"); err != nil {
		t.Log("without bpftool it is not known whether links are left")
	} else if got := linksLeft(t, links); len(got) != len(links) {
		t.Errorf("bpftool shows the links %v of %v", got, links)
	}
	if err := b.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.cmd.Wait()
	eventually(t, "links of the killed bridge to go", func() bool { return len(linksLeft(t, links)) == 0 })
	time.Sleep(300 * time.Millisecond)
	t.Logf("the server served %d statements", stop())
	mustExec(t, db, "DO 'it serves'")

	b = startBridge(t, "--target", pidOf(s), "--detail", "query")
	mustExec(t, db, "DO 'seen once'")
	r := b.stop()
	r.mustClose(t)
	if len(r.spans) != 1 {
		t.Errorf("%d spans of one statement after the restart", len(r.spans))
	}
}

// linksOf lists the ids of the BPF links that a process holds.
func linksOf(t *testing.T, pid int) (ids []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fdinfo", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if m := regexp.MustCompile(`(?m)^link_id:\s*(\d+)$`).FindSubmatch(info); err == nil && m != nil {
			ids = append(ids, string(m[1]))
		}
	}
	return ids
}

// linksLeft lists those that the kernel still has.
func linksLeft(t *testing.T, ids []string) (left []string) {
	t.Helper()
	for _, id := range ids {
		if exec.Command("bpftool", "link", "show", "id", id).Run() == nil {
			left = append(left, id)
		}
	}
	return left
}

// Durations are counted by database, for which the kernel side has room for
// 1024. More are counted as missing there and cost no span.
func TestManyDatabasesOverflowTheHistogramsOnly(t *testing.T) {
	t.Parallel()
	w := byPlugin
	s := w.server(t)
	db := openPool(t, s)
	db.SetMaxOpenConns(1)
	const databases = 1100
	for i := range databases {
		mustExec(t, db, fmt.Sprintf("CREATE DATABASE d%d", i))
	}
	b := startBridge(t, "--target", pidOf(s), "--detail", "query")
	for i := range databases {
		mustExec(t, db, fmt.Sprintf("USE d%d", i))
		mustExec(t, db, "DO 1")
	}
	r := b.stop()
	r.mustClose(t)
	row := r.query(w)
	t.Logf("ledger: %v, peak RSS %d MiB", row, r.peakRSS>>20)
	if len(r.spans) != 2*databases || row["submitted"] != 2*databases {
		t.Errorf("%d spans, %d submitted, want %d", len(r.spans), row["submitted"], 2*databases)
	}
	// The map has room for 1024 series. On a busy machine the kernel has not always
	// memory at hand for each of them when it first comes.
	if lost := row["histogram_lost"]; lost == 0 || lost >= 2*databases {
		t.Errorf("histogram_lost = %d, want some of %d", lost, 2*databases)
	}
	seen := make(map[any]bool)
	for i := range r.spans {
		seen[r.spans[i].Attrs["db.namespace"]] = true
	}
	if len(seen) < databases {
		t.Errorf("%d databases in the spans, want %d", len(seen), databases)
	}
}

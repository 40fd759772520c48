// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// sighting is a span of interest: which process and tier, and the statement.
type sighting struct {
	pid  int
	tier string
	text string
}

// tallySpans counts spans by process, tier and text.
func tallySpans(r *result) map[sighting]int {
	n := make(map[sighting]int)
	for i := range r.spans {
		s := &r.spans[i]
		pid, _ := s.Resource["process.pid"].(int64)
		tier, _ := s.Attrs["spanbridge.tier"].(string)
		n[sighting{int(pid), tier, s.text()}]++
	}
	return n
}

// sees waits until spanbridge has said that it sees an operation of a process by
// a tier, such as "query by uprobe".
func (b *runningBridge) sees(t *testing.T, pid int, way string) {
	t.Helper()
	line := regexp.MustCompile(fmt.Sprintf(`process %d \([^)]+\): .*\b%s\b`, pid, way))
	eventually(t, fmt.Sprintf("spanbridge to see %s of process %d", way, pid), func() bool { return line.MatchString(b.stderr.String()) })
}

func TestServerReplacedByAnUpgradeIsSeenBesideTheOldOne(t *testing.T) {
	t.Parallel()
	w := byUprobe
	old := w.ownServer(t)
	oldDB := openPool(t, old)
	b := startBridge(t, "--target", old.Binary, "--detail", "query")
	mustExec(t, oldDB, "SELECT 1 AS a1")
	copyServer(t, old.Binary+".new")
	if err := os.Rename(old.Binary+".new", old.Binary); err != nil {
		t.Fatal(err)
	}
	mustExec(t, oldDB, "SELECT 1 AS a2")
	upgraded := w.server(t, from(old.Binary))
	newDB := openPool(t, upgraded)
	b.sees(t, upgraded.PID, "query by")
	mustExec(t, newDB, "SELECT 1 AS a3")
	mustExec(t, oldDB, "SELECT 1 AS a4")
	oldPID := old.PID
	if err := old.Restart(t.Context()); err != nil { // on the new file
		t.Fatal(err)
	}
	mustExec(t, oldDB, "SELECT 1 AS a5")
	r := b.stop()
	r.mustClose(t)
	got := tallySpans(r)
	for _, want := range []sighting{
		{oldPID, "uprobe", "SELECT ? AS a1"}, {oldPID, "uprobe", "SELECT ? AS a2"}, {upgraded.PID, "uprobe", "SELECT ? AS a3"},
		{oldPID, "uprobe", "SELECT ? AS a4"}, {old.PID, "uprobe", "SELECT ? AS a5"},
	} {
		if got[want] != 1 {
			t.Errorf("%d spans of %+v, want 1", got[want], want)
		}
	}
	if len(r.spans) != 5 {
		t.Errorf("%d spans, want 5: %v", len(r.spans), got)
	}
}

func TestOnlyTheProcessAskedForIsSeen(t *testing.T) {
	eachWay(t, func(t *testing.T, w way) {
		one, other := w.server(t), w.server(t)
		oneDB, otherDB := openPool(t, one), openPool(t, other)
		b := startBridge(t, "--target", pidOf(one), "--detail", "query")
		for range 10 {
			mustExec(t, oneDB, "SELECT 1 AS mine")
			mustExec(t, otherDB, "SELECT 1 AS not_mine")
		}
		r := b.stop()
		r.mustClose(t)
		got := tallySpans(r)
		if n := got[sighting{one.PID, w.tier, "SELECT ? AS mine"}]; n != 10 || len(r.spans) != 10 {
			t.Errorf("%d spans of the target and %d in all, want 10: %v", n, len(r.spans), got)
		}
		if starts := r.query(w)["starts"]; starts != 10 {
			t.Errorf("starts = %d, want 10: the other server's are not ours", starts)
		}
	})
}

func TestServerThatStartsLaterIsFoundByName(t *testing.T) {
	t.Parallel()
	w := byUprobe
	dir := t.TempDir()
	later := from(filepath.Join(dir, "mariadbd-later"))
	copyServer(t, filepath.Join(dir, "mariadbd-later"))
	b := startBridge(t, "--target", "mariadbd-later", "--profile", "mariadb", "--detail", "query")
	if !strings.Contains(b.ready, "targets=0") {
		t.Errorf("ready line %q, want no target yet", b.ready)
	}
	first := w.server(t, later)
	b.sees(t, first.PID, "query by uprobe")
	mustExec(t, openPool(t, first), "SELECT 1 AS one")
	// Its file is known and probed: not even the first statement is missed.
	second := w.server(t, later)
	mustExec(t, openPool(t, second), "SELECT 1 AS two")
	r := b.stop()
	r.mustClose(t)
	got := tallySpans(r)
	if got[sighting{first.PID, "uprobe", "SELECT ? AS one"}] != 1 || got[sighting{second.PID, "uprobe", "SELECT ? AS two"}] != 1 {
		t.Errorf("want a span of each server, %d and %d: %v", first.PID, second.PID, got)
	}
}

// In a container, the path of the executable leads to another file than on the
// host, and pids are others.
func TestServerInItsOwnNamespacesIsSeenWithTheHostsPID(t *testing.T) {
	w := byUprobe
	dir := t.TempDir()
	copyServer(t, filepath.Join(dir, "image"))
	script := fmt.Sprintf(`#!/bin/sh
exec unshare --mount --pid --fork --kill-child --mount-proc \
	sh -c 'mount --bind %s/image /usr/sbin/mariadbd && exec /usr/sbin/mariadbd "$@"' sh "$@"
`, dir)
	if err := os.WriteFile(filepath.Join(dir, "mariadbd"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := w.server(t, from(filepath.Join(dir, "mariadbd")))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.PID, s.PID))
	if err != nil {
		t.Fatal(err)
	}
	inside, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatalf("children of unshare: %q", children)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(inside, syscall.SIGTERM)
		eventually(t, "the server in the namespaces to end", func() bool { return syscall.Kill(inside, 0) != nil })
	})
	b := startBridge(t, "--target", strconv.Itoa(inside), "--detail", "query")
	mustExec(t, openPool(t, s), "SELECT 1 AS contained")
	r := b.stop()
	r.mustClose(t)
	got := tallySpans(r)
	if got[sighting{inside, "uprobe", "SELECT ? AS contained"}] != 1 {
		t.Errorf("want one span of process %d: %v", inside, got)
	}
	for i := range r.spans {
		if path := r.spans[i].Resource["process.executable.path"]; path != "/usr/sbin/mariadbd" {
			t.Errorf("executable is said to be %v", path)
		}
	}
}

func TestServersOfOneBinaryWithAndWithoutPluginAreEachSeenOnce(t *testing.T) {
	t.Parallel()
	plain := byUprobe.ownServer(t)
	plugged := byPlugin.server(t, from(plain.Binary))
	plainDB, pluggedDB := openPool(t, plain), openPool(t, plugged)
	b := startBridge(t, "--target", plain.Binary, "--detail", "query")
	for range 20 {
		mustExec(t, plainDB, "SELECT 1 AS plain")
		mustExec(t, pluggedDB, "SELECT 1 AS plugged")
	}
	r := b.stop()
	r.mustClose(t)
	got := tallySpans(r)
	if got[sighting{plain.PID, "uprobe", "SELECT ? AS plain"}] != 20 ||
		got[sighting{plugged.PID, "plugin", "SELECT ? AS plugged"}] != 20 || len(r.spans) != 40 {
		t.Errorf("want 20 spans of each server, %d and %d, and no other: %v", plain.PID, plugged.PID, got)
	}
}

func TestPluginInstalledWhileRunningTakesOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		another bool // a second server of the same binary keeps the uprobes alive
	}{{"alone", false}, {"beside a server without it", true}} {
		t.Run(c.name, func(t *testing.T) { testPluginTakesOver(t, c.another) })
	}
}

func testPluginTakesOver(t *testing.T, another bool) {
	dir := t.TempDir()
	shell(t, `cp "$1" "$2"`, builtPlugin, dir)
	s := byUprobe.ownServer(t, servers.WithArgs("--plugin-dir="+dir))
	db := openPool(t, s)
	var otherDB *sql.DB
	if another {
		otherDB = openPool(t, byUprobe.server(t, from(s.Binary)))
	}
	b := startBridge(t, "--target", s.Binary, "--detail", "query")
	mustExec(t, db, "SELECT 1 AS before_it")
	// This connection is inside a statement while the tier changes.
	conn, id := connectionOf(t, db)
	slept := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(t.Context(), "SELECT SLEEP(60) AS across")
		slept <- err
	}()
	sleepers := func() (n int) {
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) AS sleepers FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "a statement that sleeps", func() bool { return sleepers() == 1 })
	mustExec(t, db, "INSTALL SONAME 'spanbridge_usdt'")
	b.sees(t, s.PID, "query by plugin")
	mustExec(t, db, fmt.Sprintf("KILL QUERY %d", id))
	if err := <-slept; err != nil {
		t.Log(err) // whether it is told depends on the server
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT 1 AS after_it /*traceparent='00-"+changeTrace+"-00f067aa0ba902b7-01'*/"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		mustExec(t, db, "SELECT 1 AS plugged")
		if another {
			mustExec(t, otherDB, "SELECT 1 AS plain")
		}
	}
	r := b.stop()
	r.mustClose(t)
	t.Logf("ledger: uprobe %v, plugin %v", r.query(byUprobe), r.query(byPlugin))
	checkTakeOver(t, r, another)
}

// changeTrace is the trace of the first statement after the change, on the
// connection that was inside another one.
const changeTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

func checkTakeOver(t *testing.T, r *result, another bool) {
	t.Helper()
	byText := make(map[string]int)
	for i := range r.spans {
		sp := &r.spans[i]
		byText[fmt.Sprint(sp.Attrs["spanbridge.tier"], " ", sp.text())]++
		if strings.HasSuffix(sp.text(), "after_it") && (sp.TraceID != changeTrace || sp.Parent != "00f067aa0ba902b7") {
			t.Errorf("the first statement after the change is in trace %s under %q", sp.TraceID, sp.Parent)
		}
	}
	want := map[string]int{
		"uprobe SELECT ? AS before_it": 1, "plugin SELECT ? AS before_it": 0,
		"plugin SELECT ? AS after_it": 1, "uprobe SELECT ? AS after_it": 0,
		"plugin SELECT ? AS plugged": 5, "uprobe SELECT ? AS plugged": 0,
	}
	if another {
		want["uprobe SELECT ? AS plain"] = 5
	}
	for text, n := range want {
		if byText[text] != n {
			t.Errorf("%d spans of %q, want %d: %v", byText[text], text, n, byText)
		}
	}
	if n := byText["uprobe SELECT SLEEP(?) AS across"] + byText["plugin SELECT SLEEP(?) AS across"]; n > 1 {
		t.Errorf("%d spans of the statement that ran across the change, want at most one", n)
	}
	if open := r.query(byUprobe)["open"] + r.query(byPlugin)["open"]; open != 0 {
		t.Errorf("%d operations open at the end", open)
	}
}

func TestAttachingAndDetachingOftenLeaksNothing(t *testing.T) {
	w := byPlugin
	s := w.server(t)
	db := openPool(t, s)
	profile, err := catalog.Load("mariadb")
	if err != nil {
		t.Fatal(err)
	}
	stop := hammer(t, db, 1, "DO 1")
	ignore := goleak.IgnoreCurrent()
	cycle := func() {
		session, err := probes.Open(probes.Config{
			Profiles: []*catalog.Profile{profile}, Targets: []probes.Target{{PID: s.PID}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := semaphores(t, s); n == 0 {
			t.Fatal("attached, but no semaphore says so")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := session.Watch(ctx); err != nil {
			t.Error(err)
		}
		if err := session.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cycle()
	before, began := openFiles(t), time.Now()
	const cycles = 25
	for range cycles {
		cycle()
	}
	goleak.VerifyNone(t, ignore)
	after := openFiles(t)
	served := stop()
	t.Logf("%d cycles in %v, %d statements served, %d descriptors before and %d after",
		cycles, time.Since(began).Round(time.Millisecond), served, before, after)
	if after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if n := semaphores(t, s); n != 0 {
		t.Errorf("semaphores in the server add up to %d after the last detach", n)
	}
	if served < cycles {
		t.Errorf("the server served %d statements only", served)
	}
	mustExec(t, db, "DO 'it serves'")
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// semaphores adds up the semaphores of the plugin's probes as they are in the
// server's memory: how many observers each probe has.
func semaphores(t *testing.T, s *servers.Server) (sum uint64) {
	t.Helper()
	files, err := probes.List(probes.Target{PID: s.PID})
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", s.PID))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", s.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to, offset uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s %x", &from, &to, &mode, &offset); err != nil ||
			!strings.HasSuffix(strings.TrimSpace(line), s.Plugin) || mode != "rw-p" {
			continue
		}
		for _, f := range files {
			for _, p := range f.Probes {
				at := p.Sites[0].Semaphore
				if f.Path != s.Plugin || at < offset || at >= offset+to-from {
					continue
				}
				var value [2]byte
				if _, err := mem.ReadAt(value[:], int64(from+at-offset)); err != nil {
					t.Fatal(err)
				}
				sum += uint64(binary.LittleEndian.Uint16(value[:]))
			}
		}
	}
	return sum
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package plugin_test

import (
	"database/sql"
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A one-byte nop is emulated by the kernel. A longer one may be rewritten by
// Linux 6.18 into a call that overwrites the red zone of leaf functions.
func TestEverySiteIsAOneByteNopWithASemaphore(t *testing.T) {
	f, err := elf.Open(pluginPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	notes, text := f.Section(".note.stapsdt"), f.Section(".text")
	if notes == nil || text == nil {
		t.Fatal("no .note.stapsdt or .text section")
	}
	desc, err := notes.Data()
	if err != nil {
		t.Fatal(err)
	}
	code, err := text.Data()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for len(desc) >= 12 { // namesz, descsz, type, "stapsdt\0", desc
		size := f.ByteOrder.Uint32(desc[4:])
		note := desc[20 : 20+size]
		location, semaphore := f.ByteOrder.Uint64(note), f.ByteOrder.Uint64(note[16:])
		provider, rest, _ := strings.Cut(string(note[24:]), "\x00")
		name, _, _ := strings.Cut(rest, "\x00")
		names = append(names, provider+":"+name)
		if op := code[location-text.Addr]; op != 0x90 {
			t.Errorf("%s: instruction %#x, want the one-byte nop 0x90", name, op)
		}
		if semaphore == 0 {
			t.Errorf("%s: no semaphore", name)
		}
		desc = desc[20+(size+3)&^3:]
	}
	want := "mysql:query__start mysql:query__done mysql:connection__start mysql:connection__done"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("probes = %s, want %s", got, want)
	}
}

func TestStatementsAfterTheFirstOfAPacketTellWhenTheyBegan(t *testing.T) {
	s, db := server(t)
	w := watch(t, s, db)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	execute(t.Context(), conn, step{sql: "DO 'first'; DO SLEEP(0.2); DO 'last'"})

	hits := w.until(t, "DO 'last'")
	var first, slow hit
	for i, h := range hits {
		switch {
		case h.kind == 'D' && strings.HasPrefix(h.text, "DO 'first'") && h.length == len("DO 'first'"):
			first = h
			if start := hits[i-1]; start.startNs != 0 || start.id == 0 || start.who != "spanbridge@localhost" {
				t.Errorf("start of the first = %+v, want start_ns 0, an id and spanbridge@localhost", start)
			}
		case h.kind == 'S' && strings.HasPrefix(h.text, "DO SLEEP"):
			slow = h
		}
	}
	if slow.startNs < first.ns || slow.ns-slow.startNs < 200e6 || slow.ns-slow.startNs > 2e9 {
		t.Errorf("the sleep of 200 ms: start_ns %d, fired at %d, previous done at %d", slow.startNs, slow.ns, first.ns)
	}
}

func TestKilledAndAbortedStatementsEnd(t *testing.T) {
	s, db := server(t)
	w := watch(t, s, db)
	ids := map[int]string{} // what became of a connection: the error of its sleep
	for how, errno := range map[string]string{
		"KILL QUERY": "1317", "KILL HARD QUERY": "1317", "KILL CONNECTION": "1927",
	} {
		victim, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id := connID(t, victim)
		ids[id] = errno
		done := make(chan struct{})
		go func() {
			execute(t.Context(), victim, step{sql: "DO 'a'; SELECT SLEEP(30); DO 'never'"})
			close(done)
		}()
		eventually(t, "the statement to sleep", func() bool {
			var n int
			err := db.QueryRowContext(t.Context(),
				fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %d AND STATE = 'User sleep'", id)).Scan(&n)
			return err == nil && n == 1
		})
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf("%s %d", how, id)); err != nil {
			t.Fatal(err)
		}
		<-done
		if err := victim.Close(); err != nil && !errors.Is(err, mysql.ErrInvalidConn) {
			t.Error(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "DO 'end of kills'"); err != nil {
		t.Fatal(err)
	}
	hits := w.until(t, "end of kills")
	for id, errno := range ids {
		got := strings.Join(finished(t, hits, id), "|")
		if want := "DO 'a'|" + errno + " SELECT SLEEP(30)"; !strings.Contains(got, want) {
			t.Errorf("connection %d: %s, want %s in it", id, got, want)
		}
		if strings.Contains(got, "never") {
			t.Errorf("connection %d: a statement that was not run is reported: %s", id, got)
		}
	}
}

func TestConnectionsArePairs(t *testing.T) {
	s, db := server(t)
	w := watch(t, s, db)
	for range 3 {
		one, err := sql.Open("mysql", s.DSN)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		one.Close()
	}
	refused, err := sql.Open("mysql", strings.Replace(s.DSN, "spanbridge:", "nobody:", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	if err := refused.PingContext(t.Context()); err == nil {
		t.Fatal("login of nobody was accepted")
	}
	eventually(t, "the ends of three connections", func() bool { // the server notices them by itself
		ends := 0
		for _, h := range w.snapshot() {
			ends += btoi(h.kind == 'E')
		}
		return ends >= 3
	})
	if _, err := db.ExecContext(t.Context(), "DO 'end of connections'"); err != nil {
		t.Fatal(err)
	}
	open, closed := map[int]bool{}, 0
	for _, h := range w.until(t, "end of connections") {
		switch h.kind {
		case 'C':
			open[h.conn] = true
			if h.who != "spanbridge@localhost" {
				t.Errorf("connection of %s", h.who)
			}
		case 'E':
			if !open[h.conn] {
				t.Errorf("connection__done of %d without a start", h.conn)
			}
			delete(open, h.conn)
			closed++
		}
	}
	if closed != 3 {
		t.Errorf("%d connections closed, want 3 (still open: %v)", closed, open)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestPluginCanBeRemovedAndInstalledUnderLoad(t *testing.T) {
	_, db := server(t)
	// Loaded on the command line, it is not in the table of plugins: the server
	// removes it and reports an error all the same.
	if _, err := db.Exec("UNINSTALL SONAME 'spanbridge_usdt'"); err == nil {
		t.Log("the server no longer reports an error for plugins of the command line")
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := db.Exec("DO 1; DO 2"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 5 {
		for _, q := range []string{"INSTALL SONAME 'spanbridge_usdt'", "UNINSTALL SONAME 'spanbridge_usdt'"} {
			if _, err := db.Exec(q); err != nil {
				t.Errorf("%s: %v", q, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	close(stop)
	wg.Wait()
}

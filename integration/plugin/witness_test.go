// SPDX-License-Identifier: Apache-2.0

//go:build integration

package plugin_test

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/integration/servers"
	"github.com/spanbridge/spanbridge/integration/servers/process"
)

const pluginPath = "../../build/spanbridge_usdt.so"

// program prints a line per hit. bpftrace 0.17 knows six arguments, so the seventh
// and eighth are read from where the note says that they are, above the return
// address. Texts are cut at 63 bytes.
const program = `
usdt:%[1]s:mysql:query__start {
	printf("S %%d %%d %%llu %%d %%llu %%llu %%s@%%s|%%s\n", tid, arg1, nsecs,
		*(uint64*)(reg("sp")+8), *(uint64*)(reg("sp")+16), arg5,
		str(arg3, 24), str(arg4, 24), str(arg0, *(uint64*)(reg("sp")+8)+1));
}
usdt:%[1]s:mysql:query__done {
	printf("D %%d %%d %%llu %%d %%llu %%d %%d|%%s\n", tid, arg3, nsecs, arg5, arg2,
		(int32)arg0, (int32)arg1, str(arg4, arg5+1));
}
usdt:%[1]s:mysql:connection__start { printf("C %%d %%d %%llu %%s@%%s\n", tid, arg0, nsecs, str(arg1), str(arg2)); }
usdt:%[1]s:mysql:connection__done { printf("E %%d %%d %%llu %%d\n", tid, arg1, nsecs, (int32)arg0); }
`

// hit is one line of the witness.
type hit struct {
	kind    byte // S, D, C or E as printed
	tid     int
	conn    int
	ns      int64 // monotonic
	length  int
	id      uint64
	startNs int64  // S
	status  int    // D, E
	errno   int    // D
	who     string // S, C: user@host
	text    string
}

func parseHit(line string) (hit, error) {
	head, text, _ := strings.Cut(line, "|")
	f := strings.Fields(head)
	h := hit{text: text}
	if len(f) < 5 {
		return h, fmt.Errorf("%q is no hit", line)
	}
	h.kind, h.tid, h.conn, h.ns = f[0][0], atoi(f[1]), atoi(f[2]), int64(atoi(f[3]))
	switch h.kind {
	case 'S':
		h.length, h.id = atoi(f[4]), uint64(atoi(f[5]))
		h.startNs, h.who = int64(atoi(f[6])), f[7]
	case 'D':
		h.length, h.id = atoi(f[4]), uint64(atoi(f[5]))
		h.status, h.errno = atoi(f[6]), atoi(f[7])
	case 'C':
		h.who = f[4]
	case 'E':
		h.status = atoi(f[4])
	}
	return h, nil
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1 << 40 // never a wanted value
	}
	return n
}

// witness collects hits while bpftrace runs.
type witness struct {
	mu   sync.Mutex
	hits []hit
	lost []string // lines that are no hits
}

func (w *witness) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "Attaching") {
			continue
		}
		h, err := parseHit(line)
		w.mu.Lock()
		if err != nil {
			w.lost = append(w.lost, line)
		} else {
			w.hits = append(w.hits, h)
		}
		w.mu.Unlock()
	}
}

// snapshot returns the hits so far in the order of their times: bpftrace prints what
// one processor wrote after what another did.
func (w *witness) snapshot() []hit {
	w.mu.Lock()
	hits := slices.Clone(w.hits)
	w.mu.Unlock()
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.ns, b.ns) })
	return hits
}

// watch attaches bpftrace to the server and returns once it sees statements.
func watch(t *testing.T, s *servers.Server, db *sql.DB) *witness {
	t.Helper()
	cmd := exec.Command("bpftrace", "-B", "line", "-p", strconv.Itoa(s.PID),
		"-e", fmt.Sprintf(program, s.Plugin))
	cmd.Env = append(os.Environ(), "BPFTRACE_STRLEN=64", "BPFTRACE_PERF_RB_PAGES=1024")
	errs := filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(errs)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	r, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = pw, stderr
	p, err := process.Start(cmd)
	pw.Close()
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{}
	go w.read(r)
	t.Cleanup(func() { _ = p.Stop(10 * time.Second); r.Close() })

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = p.Until(ctx, func() error {
		if _, err := db.ExecContext(ctx, "DO 'attached?'"); err != nil {
			return err
		}
		if !w.sawPair() {
			return fmt.Errorf("no start and end yet")
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, process.Tail(errs, 10))
	}
	if _, err := db.ExecContext(ctx, "DO 'all attached'"); err != nil {
		t.Fatal(err)
	}
	w.until(t, "DO 'all attached'")
	w.forget()
	return w
}

// sawPair reports whether a start was followed by an end: bpftrace attaches to
// one probe after the other.
func (w *witness) sawPair() bool {
	started := false
	for _, h := range w.snapshot() {
		if started && h.kind == 'D' {
			return true
		}
		started = started || h.kind == 'S'
	}
	return false
}

// forget drops what was seen while bpftrace attached.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hits = nil
}

// until waits for a statement whose text holds the mark to be done, and then for
// what another processor wrote before it: nothing more for 100 ms.
func (w *witness) until(t *testing.T, mark string) []hit {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for before := 0; time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		hits := w.snapshot()
		done := slices.ContainsFunc(hits, func(h hit) bool { return h.kind == 'D' && strings.Contains(h.text, mark) })
		if done && len(hits) == before {
			return hits
		}
		before = len(hits)
	}
	t.Fatalf("bpftrace did not report %q; %d hits, other lines: %q", mark, len(w.snapshot()), w.lost)
	return nil
}

// server starts a MariaDB with the plugin and returns it with a pool of
// connections that accept several statements in one packet.
func server(t *testing.T) (*servers.Server, *sql.DB) {
	t.Helper()
	s, err := servers.StockMariaDB(t.Context(), servers.WithPlugin(pluginPath),
		servers.WithArgs("--event-scheduler=ON", "--local-infile=ON"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	db, err := sql.Open("mysql", s.DSN+"?multiStatements=true")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return s, db
}

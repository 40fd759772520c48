// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// blockTrace has the kernel's own tracer write down what disks are asked to read, from
// when it is made until the test ends. It is the tracer of a place that nobody else
// uses: an instance (Documentation/trace/ftrace.rst).
type blockTrace struct{ dir string }

func traceBlock(t *testing.T) *blockTrace {
	t.Helper()
	root := t.TempDir()
	if err := unix.Mount("tracefs", root, "tracefs", 0, ""); err != nil {
		t.Fatalf("mount a tracefs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	b := &blockTrace{filepath.Join(root, "instances", fmt.Sprintf("spanbridge-%d", os.Getpid()))}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(b.dir) })
	for _, setting := range [][2]string{
		{"trace_clock", "mono"}, {"buffer_size_kb", "4096"},
		{"events/block/block_getrq/filter", `rwbs ~ "R*"`}, {"events/block/block_rq_complete/filter", `rwbs ~ "R*"`},
		{"events/block/block_getrq/enable", "1"}, {"events/block/block_rq_complete/enable", "1"},
	} {
		if err := os.WriteFile(filepath.Join(b.dir, setting[0]), []byte(setting[1]), 0); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// blockRead is what a thread had a disk read: by the tracer, or by a span.
type blockRead struct {
	sector, bytes int64
	took          time.Duration
}

func (r blockRead) String() string { return fmt.Sprintf("%d bytes at %d", r.bytes, r.sector) }

var traceLine = regexp.MustCompile(`-(\d+)\s+\[.* (\d+)\.(\d{6}): (block_getrq|block_rq_complete): (\d+,\d+) \S+ (?:\(.*?\) )?(\d+) \+ (\d+) `)

const sectorSize = 512

// period is a time of the wall clock.
type period struct{ start, end nanoseconds }

// during reports whether a time is in one of these periods. Clocks may differ a little.
func during(all []period, at nanoseconds) bool {
	const apart = nanoseconds(200 * time.Microsecond)
	return slices.ContainsFunc(all, func(p period) bool { return at > p.start-apart && at < p.end+apart })
}

// monotonicZero is when the tracer's clock was zero.
func monotonicZero() nanoseconds {
	for {
		var before, after unix.Timespec
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
		now := time.Now().UnixNano()
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
		if after.Nano()-before.Nano() < (50 * time.Microsecond).Nanoseconds() { // nobody else ran in between
			return nanoseconds(now - before.Nano())
		}
	}
}

// reads returns what threads have asked for in their statements and got, in the
// order of the asking. In between a thread has pages of its program read, too.
func (b *blockTrace) reads(t *testing.T, statements map[int64][]period) (all []blockRead) {
	t.Helper()
	lines, err := os.ReadFile(filepath.Join(b.dir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	type asked struct {
		index int
		at    time.Duration
	}
	zero := monotonicZero()
	open := make(map[string]asked) // by disk and sector
	for _, m := range traceLine.FindAllStringSubmatch(string(lines), -1) {
		tid, seconds, micros, sector, sectors := integer(t, m[1]), integer(t, m[2]), integer(t, m[3]), integer(t, m[6]), integer(t, m[7])
		at := time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond
		where := m[5] + " " + m[6]
		if m[4] == "block_getrq" {
			if during(statements[tid], zero+nanoseconds(at)) {
				open[where] = asked{len(all), at}
				all = append(all, blockRead{sector: sector})
			}
		} else if a, ok := open[where]; ok {
			all[a.index].bytes, all[a.index].took = sectors*sectorSize, at-a.at
			delete(open, where)
		}
	}
	return all
}

func integer(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestReadsFromTheDiskAreBelowTheStatementThatAskedForThem has each server read pages that
// are in no cache. Every read that the kernel's own tracer has of the serving threads is a
// span below a statement, of the same sector, with the same bytes, and took as long.
func TestReadsFromTheDiskAreBelowTheStatementThatAskedForThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		own   string // the server's own word for it
		start func(t *testing.T) (server *servers.Server, work func())
	}{
		{"MariaDB 10.11", "disk I/O wait", coldReadsOf(servers.StockMariaDB)},
		{"MySQL 9.7", "disk read", coldReadsOf(servers.MySQL)},
		{"PostgreSQL", "", coldReadsOfPostgreSQL},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, work := test.start(t)
			trace := traceBlock(t)
			r := watch(t, server, work, "--detail", "stages")
			spans, statements := r.blockReads(t)
			traced := trace.reads(t, statements)
			defer func() {
				if t.Failed() {
					t.Logf("%s", r.stderr)
				}
			}()
			wantSameReads(t, spans, traced)
			if test.own != "" && !slices.ContainsFunc(r.spans, func(s otlpSpan) bool { return s.Name == test.own }) {
				t.Errorf("there is no span %q", test.own)
			}
		})
	}
}

// coldReadsOf starts a server of the MySQL family whose buffer pool is smaller than the
// table, and which reads around the page cache.
func coldReadsOf(start func(context.Context, ...servers.Option) (*servers.Server, error)) func(t *testing.T) (*servers.Server, func()) {
	return func(t *testing.T) (*servers.Server, func()) {
		server := startServer(t, tier{start: start}, familySettings...)
		c := connect(t, server, "")
		prepareFamily(c)
		return server, func() {
			for i := range 200 {
				c.must("SELECT pad FROM cold WHERE id = ?", 1+i*7919%16000)
			}
			c.settle()
		}
	}
}

func coldReadsOfPostgreSQL(t *testing.T) (*servers.Server, func()) {
	server := startPostgres(t, "-c", "shared_buffers=1MB", "-c", "max_parallel_workers_per_gather=0")
	session := openSession(t, server, pgx.QueryExecModeSimpleProtocol)
	session.must("CREATE TABLE cold AS SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i")
	session.must("VACUUM cold")
	session.must("CHECKPOINT")
	session.must("SELECT i FROM cold WHERE ctid = '(0,1)'") // reads the catalog, more than one record has room for
	dropFromCache(t, server)
	return server, func() {
		for i := range 50 {
			session.must(fmt.Sprintf("SELECT i FROM cold WHERE ctid = '(%d,1)'", 1+i*79%2500))
		}
	}
}

// blockReads are the reads by their spans, and when each thread served statements. One
// that did more than a record has room for, as the first after a start may, is in neither.
func (r *result) blockReads(t *testing.T) (all []blockRead, statements map[int64][]period) {
	t.Helper()
	roots, full := make(map[string]*otlpSpan), make(map[string]bool)
	statements = make(map[int64][]period)
	for i := range r.spans {
		s := &r.spans[i]
		if s.Kind != kindServer {
			continue
		}
		roots[s.TraceID] = s
		if s.Attrs["spanbridge.children.omitted"] != nil {
			full[s.TraceID] = true
			continue
		}
		tid := s.Attrs["thread.id"].(int64)
		statements[tid] = append(statements[tid], period{s.Start, s.End})
	}
	if len(full) > 3 {
		t.Errorf("%d statements did more than a record has room for", len(full))
	}
	for i := range r.spans {
		s := &r.spans[i]
		if s.Name != "block read" || full[s.TraceID] {
			continue
		}
		root := roots[s.TraceID]
		if root == nil || s.Start < root.Start || s.End > root.End {
			t.Errorf("a read from %d to %d is not within its statement", s.Start, s.End)
		}
		if name, ok := s.Attrs["system.device"].(string); !ok || name == "" {
			t.Errorf("device %v", s.Attrs["system.device"])
		}
		all = append(all, blockRead{s.Attrs["spanbridge.disk.sector"].(int64), s.Attrs["spanbridge.disk.io.bytes"].(int64), s.duration()})
	}
	return all, statements
}

func wantSameReads(t *testing.T, spans, traced []blockRead) {
	t.Helper()
	counted := make(map[string]int)
	var bytes int64
	var took, want []time.Duration
	for _, r := range traced {
		counted[r.String()]++
		bytes += r.bytes
		want = append(want, r.took)
	}
	for _, r := range spans {
		counted[r.String()]--
		took = append(took, r.took)
	}
	for read, n := range counted {
		if n != 0 {
			t.Errorf("%s: %+d by the tracer", read, n)
		}
	}
	if len(spans) < 20 {
		t.Fatalf("%d spans of %d reads", len(spans), len(traced))
	}
	got, median := median(took), median(want)
	t.Logf("%d reads of %d bytes; medians: %v by spans, %v by the tracer", len(spans), bytes, got, median)
	if d := got - median; max(d, -d) > median/10+50*time.Microsecond {
		t.Errorf("the median is %v by spans, %v by the tracer", got, median)
	}
}

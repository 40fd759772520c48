// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

var megabytes = flag.Int("megabytes", 200, "size of the slow log that pt-query-digest reads, too")

// fasterThan is how many times as fast as pt-query-digest a log must be read.
const fasterThan = 20

// TestSlowLogsAreDigestedAsByPtQueryDigestAndFaster compares, for each fingerprint, the count and the sums of durations, of
// times of locks, and of rows sent and examined with what pt-query-digest says of the same file, and with what was written.
// Speed is what a file takes of a CPU, which does not depend on what else the host does.
func TestSlowLogsAreDigestedAsByPtQueryDigestAndFaster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slow.log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	written, size, err := generate(file, *megabytes<<20, 1)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	ours, took := digest(t, path)
	theirs, theirTook := ptQueryDigest(t, path)

	truth := make(map[string]*total)
	for shape, n := range written {
		add(truth, strings.NewReplacer("%d", "", "%s", "").Replace(shape), n)
	}
	same(t, "what was written", truth, ours)
	same(t, "pt-query-digest", theirs, ours)
	ratio := theirTook.Seconds() / took.Seconds()
	t.Logf("%d MB: %.0f MB in a second of a CPU, pt-query-digest %.2f MB, %.0f times as fast", size>>20,
		float64(size)/1e6/took.Seconds(), float64(size)/1e6/theirTook.Seconds(), ratio)
	if ratio < fasterThan {
		t.Errorf("%.1f times as fast as pt-query-digest, want %d", ratio, fasterThan)
	}
}

// digest sums up the file, and takes the better of two times.
func digest(t *testing.T, path string) (totals map[string]*total, took time.Duration) {
	t.Helper()
	for range 2 {
		began := cpu(t)
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		byText := make(map[string]*total)
		r := slowlog.New(file, slowlog.Options{})
		var s compare.Statement
		for {
			if err = r.Next(&s); err != nil {
				break
			}
			sum := byText[s.Text]
			if sum == nil {
				sum = &total{}
				byText[s.Text] = sum
			}
			sum.add(&total{1, s.Duration, s.LockTime, s.Sent, s.Examined})
		}
		if !errors.Is(err, io.EOF) || r.Damaged() > 0 {
			t.Fatal(err, r.Damaged())
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cpu(t) - began; took == 0 || d < took {
			took = d
		}
		totals = make(map[string]*total)
		for text, sum := range byText {
			add(totals, text, sum)
		}
	}
	return totals, took
}

func ptQueryDigest(t *testing.T, path string) (map[string]*total, time.Duration) {
	t.Helper()
	cmd := exec.Command("pt-query-digest", "--output=json", "--limit=100%", "--no-version-check", path)
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("pt-query-digest is missing: apt-get install percona-toolkit")
	}
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Global struct {
			Count int `json:"query_count"`
		}
		Classes []struct {
			Fingerprint string
			Count       int `json:"query_count"`
			Metrics     struct {
				Took     sum `json:"Query_time"`
				Locked   sum `json:"Lock_time"`
				Sent     sum `json:"Rows_sent"`
				Examined sum `json:"Rows_examined"`
			}
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	totals, n := make(map[string]*total), 0
	for _, c := range report.Classes {
		m := c.Metrics
		n += c.Count
		add(totals, c.Fingerprint, &total{
			c.Count, m.Took.time(t), m.Locked.time(t), uint64(m.Sent.number(t)), uint64(m.Examined.number(t)),
		})
	}
	if n != report.Global.Count {
		t.Errorf("pt-query-digest tells of %d statements of %d", n, report.Global.Count)
	}
	return totals, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// sum is one of pt-query-digest's, which it writes as text.
type sum struct{ Sum string }

func (s sum) number(t *testing.T) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s.Sum, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s sum) time(t *testing.T) time.Duration { return time.Duration(s.number(t) * 1e9) }

// cpu is what this process has had of CPUs so far.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// add adds up what is the same but for how a fingerprint is written: capital letters, white
// space, marks of what was left out, and "limit" without its number.
func add(totals map[string]*total, text string, of *total) {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return -1
	}, text)
	if totals[key] == nil {
		totals[key] = &total{}
	}
	totals[key].add(of)
}

func same(t *testing.T, name string, want, got map[string]*total) {
	t.Helper()
	for key, w := range want {
		g := got[key]
		if g == nil {
			t.Errorf("%s has %d statements that we have not: %s", name, w.count, key)
			continue
		}
		if w.count != g.count || w.sent != g.sent || w.examined != g.examined || !near(w.took, g.took) || !near(w.locked, g.locked) {
			t.Errorf("%s: %s has %+v, we have %+v", key, name, *w, *g)
		}
	}
	for key, g := range got {
		if want[key] == nil {
			t.Errorf("%s does not have our %d statements: %s", name, g.count, key)
		}
	}
}

// near reports whether two sums are the same but for the last digit of what is written, a microsecond.
func near(x, y time.Duration) bool {
	d := x - y
	return max(d, -d) <= time.Microsecond
}

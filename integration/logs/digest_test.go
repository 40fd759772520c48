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

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

var megabytes = flag.Int("megabytes", 10, "size of the slow log that pt-query-digest reads, too")

// fasterThan is how many times as fast as pt-query-digest a log must be read.
const fasterThan = 20

// TestSlowLogsAreDigestedAsByPtQueryDigestAndFaster compares counts and sums of durations for each
// fingerprint with what pt-query-digest says of the same file, and with what was written.
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
		add(truth, strings.NewReplacer("%d", "", "%s", "").Replace(shape), n.count, n.took)
	}
	same(t, "what was written", truth, ours)
	same(t, "pt-query-digest", theirs, ours)
	ratio := theirTook.Seconds() / took.Seconds()
	t.Logf("%d MB: %.0f MB/s, pt-query-digest %.2f MB/s, %.0f times as fast", size>>20,
		float64(size)/1e6/took.Seconds(), float64(size)/1e6/theirTook.Seconds(), ratio)
	if ratio < fasterThan {
		t.Errorf("%.1f times as fast as pt-query-digest, want %d", ratio, fasterThan)
	}
}

// digest sums up the file, and takes the better of two times.
func digest(t *testing.T, path string) (totals map[string]*total, took time.Duration) {
	t.Helper()
	for range 2 {
		began := time.Now()
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
			sum.count++
			sum.took += s.Duration
		}
		if !errors.Is(err, io.EOF) || r.Damaged() > 0 {
			t.Fatal(err, r.Damaged())
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); took == 0 || d < took {
			took = d
		}
		totals = make(map[string]*total)
		for text, sum := range byText {
			add(totals, text, sum.count, sum.took)
		}
	}
	return totals, took
}

func ptQueryDigest(t *testing.T, path string) (map[string]*total, time.Duration) {
	t.Helper()
	began := time.Now()
	out, err := exec.Command("pt-query-digest", "--output=json", "--limit=100%", "--no-version-check", path).Output()
	took := time.Since(began)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("pt-query-digest is missing: apt-get install percona-toolkit")
	}
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Classes []struct {
			Fingerprint string
			Count       int `json:"query_count"`
			Metrics     struct {
				Took struct{ Sum string } `json:"Query_time"`
			}
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	totals := make(map[string]*total)
	for _, c := range report.Classes {
		seconds, err := strconv.ParseFloat(c.Metrics.Took.Sum, 64)
		if err != nil {
			t.Fatal(err)
		}
		add(totals, c.Fingerprint, c.Count, time.Duration(seconds*1e9))
	}
	return totals, took
}

// add adds up what is the same but for how a fingerprint is written: capital letters, white
// space, marks of what was left out, and "limit" without its number.
func add(totals map[string]*total, text string, count int, took time.Duration) {
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
	totals[key].count += count
	totals[key].took += took
}

func same(t *testing.T, name string, want, got map[string]*total) {
	t.Helper()
	for key, w := range want {
		g := got[key]
		if g == nil {
			t.Errorf("%s has %d statements that we have not: %s", name, w.count, key)
			continue
		}
		if d := w.took - g.took; w.count != g.count || max(d, -d) > time.Duration(w.count)*time.Microsecond {
			t.Errorf("%s has %d statements of %v, we have %d of %v: %s", name, w.count, w.took, g.count, g.took, key)
		}
	}
	for key, g := range got {
		if want[key] == nil {
			t.Errorf("%s does not have our %d statements: %s", name, g.count, key)
		}
	}
}

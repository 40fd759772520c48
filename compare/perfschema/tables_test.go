// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestASummaryTellsWhatCameAboutSinceAnother(t *testing.T) {
	ms := time.Millisecond
	at := func(digests ...Digest) *Summary {
		s := &Summary{digests: make(map[digestKey]*Digest), lost: map[string]uint64{"digest": uint64(len(digests))}}
		for _, d := range digests {
			s.digests[digestKey{d.Database, d.Hash}] = &d
		}
		return s
	}
	before := at(
		Digest{Hash: "same", Count: 5, Total: ms},
		Digest{Hash: "more", Count: 5, Total: ms, Sent: 7, Histogram: Histogram{{0, ms, 4}, {ms, 2 * ms, 1}}},
		Digest{Hash: "", Count: 1},
	)
	after := at(
		Digest{Hash: "same", Count: 5, Total: ms},
		Digest{Hash: "more", Count: 8, Total: 4 * ms, Sent: 10, Histogram: Histogram{{0, ms, 4}, {ms, 2 * ms, 3}, {4 * ms, 5 * ms, 1}}},
		Digest{Hash: "", Count: 4},
		Digest{Hash: "new", Count: 2, Total: 7 * ms},
		Digest{Hash: "new", Database: "other", Count: 1, Total: 2 * ms},
	)
	d := after.Since(before)
	var got []string
	for _, one := range d.Digests {
		got = append(got, one.Database+"/"+one.Hash)
	}
	if want := []string{"/new", "/more", "other/new"}; !slices.Equal(got, want) || d.Other.Count != 3 || d.Emptied || d.Lost["digest"] != 2 {
		t.Errorf("%q, %+v", got, d)
	}
	more := d.Digests[1]
	if h := (Histogram{{ms, 2 * ms, 2}, {4 * ms, 5 * ms, 1}}); more.Count != 3 || more.Total != 3*ms || more.Sent != 3 || !slices.Equal(more.Histogram, h) {
		t.Errorf("%+v", more)
	}
	if q := more.Histogram.Quantile(0.5); q.Low != ms || more.Histogram.Quantile(1).High != 5*ms || (Histogram)(nil).Quantile(0.5) != (Bucket{}) {
		t.Errorf("half of them take up to %+v", q)
	}
	if d := before.Since(after); !d.Emptied {
		t.Error("counts that went down are those of an emptied table")
	}
	again := at(Digest{Hash: "more", Count: 1})
	if d := again.Since(before); !d.Emptied || len(d.Digests) != 1 || d.Digests[0].Count != 1 {
		t.Errorf("%+v", d)
	}
}

func TestLocksConflictAsTheServerHasIt(t *testing.T) {
	for _, c := range []struct {
		asked, had string
		want       bool
	}{
		{"SHARED_READ", "SHARED_WRITE", false}, {"SHARED_READ", "EXCLUSIVE", true}, {"SHARED_WRITE", "SHARED_NO_WRITE", true},
		{"SHARED_WRITE", "SHARED_UPGRADABLE", false}, {"EXCLUSIVE", "SHARED_READ", true}, {"SHARED_HIGH_PRIO", "SHARED_NO_READ_WRITE", false},
		{"INTENTION_EXCLUSIVE", "INTENTION_EXCLUSIVE", false}, {"INTENTION_EXCLUSIVE", "SHARED", true}, {"BACKUP_DDL", "SHARED_READ", true},
	} {
		if got := conflicts(c.asked, c.had); got != c.want {
			t.Errorf("%s waits for %s: %v", c.asked, c.had, got)
		}
	}
	for asked, with := range conflicting { // among those of tables it is symmetric
		for _, had := range with {
			back, ok := conflicting[had]
			if ok && strings.HasPrefix(asked, "SHARED_") && !slices.Contains(back, asked) {
				t.Errorf("%s waits for %s, but not the other way round", asked, had)
			}
		}
	}
	for asked, first := range waitsBehind { // the server relies on it
		for _, one := range first {
			if !conflicts(asked, one) {
				t.Errorf("%s waits behind %s, with which it does not conflict", asked, one)
			}
		}
	}
}

func TestWhatIsMissingHasItsMend(t *testing.T) {
	good := State{On: true, HistorySize: 10000, Consumers: map[string]bool{}}
	for _, name := range needed {
		good.Consumers[name] = true
	}
	for name, c := range map[string]struct {
		spoil          func(*State)
		says           string
		fatal, restart bool
		partial        bool
	}{
		"nothing":     {func(*State) {}, "", false, false, false},
		"off":         {func(s *State) { s.On = false }, "performance_schema=ON", true, true, false},
		"no ring":     {func(s *State) { s.HistorySize = 0 }, "history_long_size=10000", true, true, false},
		"small ring":  {func(s *State) { s.HistorySize = 10 }, "history_long_size=10000", false, true, false},
		"consumer":    {func(s *State) { delete(s.Consumers, needed[3]) }, "NAME = 'events_statements_history_long'", true, false, false},
		"instruments": {func(s *State) { s.InstrumentsOff = 3 }, "setup_instruments", false, false, true},
		"connections": {func(s *State) { s.ConnectionsOff = 3 }, "setup_actors", false, false, true},
		"no room":     {func(s *State) { s.Lost = map[string]uint64{"thread_instances": 1} }, "max_thread_instances", false, true, true},
	} {
		s := good
		s.Consumers = make(map[string]bool)
		for k, v := range good.Consumers {
			s.Consumers[k] = v
		}
		c.spoil(&s)
		s.judge()
		if c.says == "" {
			if len(s.Missing) > 0 || s.refusal() != nil || s.nature().Partial {
				t.Errorf("%s: %+v", name, s.Missing)
			}
			continue
		}
		if len(s.Missing) != 1 {
			t.Fatalf("%s: %+v", name, s.Missing)
		}
		m := s.Missing[0]
		if !strings.Contains(m.Mend, c.says) || m.Fatal != c.fatal || m.Restart != c.restart || m.Partial != c.partial ||
			(s.refusal() != nil) != c.fatal || s.nature().Partial != c.partial {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

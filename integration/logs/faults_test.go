// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"io"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/generallog"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

// TestFaultsOfLogsAreFound: a slow log with a threshold lacks what is shorter, and a general
// log whose stamps are read in the wrong time zone is an hour off, and lacks nothing.
func TestFaultsOfLogsAreFound(t *testing.T) {
	p := named(t, "mariadb")
	s, db := p.server(t)
	setUp(t, db)
	const threshold = 400 * time.Millisecond
	if _, err := db.ExecContext(t.Context(), "SET GLOBAL long_query_time = 0.4"); err != nil {
		t.Fatal(err)
	}
	stopSlow := followed(t, slowPath(s), func(r io.Reader) compare.Account {
		return slowlog.New(r, slowlog.Options{MinDuration: threshold})
	})
	stopGeneral := followed(t, generalPath(s), func(r io.Reader) compare.Account {
		_, here := time.Now().Zone()
		return generallog.New(r, time.FixedZone("", here-3600))
	})
	j := &journal{}
	work(t, j, db, nil)
	c := j.client(t, db)
	c.query("SELECT SLEEP(0.6) AS a_long_one")
	c.conn.Close()
	time.Sleep(300 * time.Millisecond) // servers log after they have answered
	slow, general := stopSlow(), stopGeneral()

	reference := j.listing()
	everything := compare.Window{From: 0, To: 1 << 62}
	v := compare.Judge(reference, slow, everything)
	if v.Matched == 0 || v.UnknownB > 0 || len(v.MissingB) != 1 || v.MissingB[0].Reason != compare.ReasonShort {
		t.Errorf("threshold: %d matched, missing %+v", v.Matched, v.MissingB)
	}
	v = compare.Judge(reference, general, everything)
	if v.Matched != len(reference.Statements) || len(v.Offsets) != 1 {
		t.Errorf("wrong zone: %d of %d matched, missing %+v, offsets %+v", v.Matched, len(reference.Statements), v.MissingB, v.Offsets)
	}
	for _, o := range v.Offsets {
		if d := o.Duration() - time.Hour; max(d, -d) > general.Nature.Resolution {
			t.Errorf("the clock is off by %v, want an hour", o.Duration())
		}
	}
}

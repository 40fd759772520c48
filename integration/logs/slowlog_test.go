// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

// mostStatements is more than any test here makes.
const mostStatements = 100_000

// TestATruncatedSlowLogTellsWhatItMayLack: what is cut before it was read is missing for
// that reason, and nothing is missing for any other.
func TestATruncatedSlowLogTellsWhatItMayLack(t *testing.T) {
	p := named(t, "mariadb")
	s, db := p.server(t)
	setUp(t, db)
	j := &journal{}
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := logfile.Follow(ctx, slowPath(s), false)
	if err != nil {
		t.Fatal(err)
	}
	r := slowlog.New(tail, slowlog.Options{})
	c := j.client(t, db)
	const statements = 20
	phase := func(n int) {
		for i := range statements {
			c.query(fmt.Sprintf("SELECT 'secret' AS number_%d_of_phase_%d", i, n))
		}
	}
	phase(0)
	var first compare.Statement
	if err := r.Next(&first); err != nil {
		t.Fatal(err)
	}
	phase(1)
	if err := os.Truncate(slowPath(s), 0); err != nil { // before that was read
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // the stamps have whole seconds
	phase(2)
	cancel()
	l, err := compare.Collect(r, mostStatements)
	if err != nil {
		t.Fatal(err)
	}
	reference := j.listing()
	v := compare.Judge(reference, l, compare.Window{From: 0, To: 1 << 62})
	// Servers log after they have answered: of each phase the last one may be cut, too.
	if v.Matched < 2*statements-2 || len(v.MissingB) != 1 || v.MissingB[0].Reason != logfile.WhyTruncated {
		t.Errorf("matched %d, missing %+v, losses %+v", v.Matched, v.MissingB, l.Losses)
	}
}

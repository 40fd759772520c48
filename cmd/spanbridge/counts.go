// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// lines is a writer that several may use: each Write stays whole.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// countsEvery is how often counts that have changed are printed.
const countsEvery = time.Second

// liveCounts prints the counts of single events while they change.
type liveCounts struct {
	source interface {
		bridge.Directory
		Histograms() ([]bridge.HistogramPoint, error)
	}
	out  io.Writer
	told map[counted]uint64
}

// counted is what one line is about. Several counts may be of the same probe.
type counted struct {
	op   uint16
	name string
}

// run prints until the context ends; what is counted after that is for who ends it.
func (l *liveCounts) run(ctx context.Context) {
	tick := time.NewTicker(countsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.print(now)
		}
	}
}

// print tells what was counted since the last time, the most first.
func (l *liveCounts) print(now time.Time) {
	points, err := l.source.Histograms()
	if err != nil {
		return // the ledger tells of it
	}
	if l.told == nil {
		l.told = make(map[counted]uint64)
	}
	type line struct {
		counted
		more, most uint64
	}
	var changed []line
	for i := range points {
		p := &points[i]
		op := l.source.Operation(p.Op)
		if op == nil || !op.Point {
			continue
		}
		what := counted{p.Op, cmp.Or(p.Namespace, op.Name)}
		if more := p.Count - l.told[what]; more > 0 {
			changed = append(changed, line{what, more, p.Count})
			l.told[what] = p.Count
		}
	}
	slices.SortFunc(changed, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.more, a.more), cmp.Compare(a.name, b.name))
	})
	for _, c := range changed {
		fmt.Fprintf(l.out, "%s  +%-9d %-11d %s\n", now.Format("15:04:05"), c.more, c.most, c.name)
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"fmt"

	"github.com/spanbridge/spanbridge/bridge"
)

// keyProbe is the attribute by which the counts of a pattern's probes are told apart.
const keyProbe = "spanbridge.probe"

// siteCount is a site of a point operation whose hits are counted apart.
type siteCount struct {
	index uint32
	probe string
}

// countBySite has the hits of each of an operation's sites counted.
func (s *Session) countBySite(sv *served) {
	var all []siteCount
	for i := range sv.sites {
		all = append(all, siteCount{sv.indexes[i], sv.sites[i].probe})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.siteCounts[sv.op] = all
}

// pointsBySite reads the counts of an operation's sites. Those that were not hit
// are left out.
func (s *Session) pointsBySite(op uint16) (points []bridge.HistogramPoint, err error) {
	s.mu.RLock()
	sites := s.siteCounts[op]
	s.mu.RUnlock()
	for _, at := range sites {
		var perCPU []uint64
		if err := s.inKernel.Objects.Points.Lookup(at.index, &perCPU); err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		p := bridge.HistogramPoint{Op: op, Namespace: at.probe}
		for _, n := range perCPU {
			p.Count += n
		}
		if p.Count > 0 {
			points = append(points, p)
		}
	}
	return points, nil
}

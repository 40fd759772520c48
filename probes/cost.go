// SPDX-License-Identifier: Apache-2.0

package probes

// hitNs is what one hit takes of the traced thread with programs and captures,
// in nanoseconds, on the machine of docs/overhead.md, whose figures these are. It
// is there to compare sites and tiers: other machines differ by a factor.
var hitNs = map[Cost]int64{
	CostEmulated: 1400,
	CostReturn:   1200,
	CostStepped:  5500,
}

// costOf estimates what the probes of an operation take of the traced thread
// each time that it happens, in nanoseconds: every probe is hit once, at its
// dearest site. 0 if a site was not examined.
func costOf(sites []site) (sum int64) {
	dearest := make(map[string]int64)
	for i := range sites {
		ns, known := hitNs[sites[i].cost]
		if !known {
			return 0
		}
		dearest[sites[i].probe] = max(dearest[sites[i].probe], ns)
	}
	for _, ns := range dearest {
		sum += ns
	}
	return sum
}

// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"cmp"
	"strconv"
	"strings"
)

// Lengths that leave room for what is added, below those that catalog accepts.
const (
	maxOperationName = 48
	maxProviderName  = 32
	maxProfileName   = 48
)

// nameAll turns names of probes into names of operations, each once.
func nameAll(all []*operation) {
	taken := make(map[string]bool)
	for _, op := range all {
		provider := word(op.provider, '_', maxProviderName)
		name := word(cmp.Or(op.name, op.provider), '_', maxOperationName)
		if taken[name] {
			name = clip(provider+"_"+name, maxOperationName)
		}
		unique := name
		for n := 2; taken[unique]; n++ {
			unique = name + "_" + strconv.Itoa(n)
		}
		taken[unique] = true
		op.name = unique
	}
}

// word makes of any text a lower-case word of letters, digits and single
// separators that begins with a letter.
func word(s string, separator byte, limit int) string {
	out := make([]byte, 0, min(len(s), limit))
	for i := 0; i < len(s) && len(out) < limit; i++ {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && len(out) > 0:
		case len(out) > 0 && out[len(out)-1] != separator:
			c = separator
		default:
			continue
		}
		out = append(out, c)
	}
	return cmp.Or(strings.TrimRight(string(out), string(separator)), "x")
}

func clip(s string, limit int) string { return s[:min(len(s), limit)] }

// key begins the names of an operation's attributes and metrics.
func (o *operation) key() string {
	provider := word(o.provider, '_', maxProviderName)
	if o.name == provider || strings.HasPrefix(o.name, provider+"_") {
		return o.name
	}
	return provider + "." + o.name
}

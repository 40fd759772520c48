// SPDX-License-Identifier: Apache-2.0

package bridge

import "strconv"

// maxInterned bounds how many names are kept: users, hosts, databases and
// error numbers are few, but a client chooses some of them.
const maxInterned = 16384

// interner gives the same string for the same bytes, so that names which recur
// in every record allocate once. Its zero value is ready.
type interner struct {
	texts   map[string]string
	numbers map[uint64]string
}

func (in *interner) text(b []byte) string {
	if s, ok := in.texts[string(b)]; ok {
		return s
	}
	if in.texts == nil || len(in.texts) >= maxInterned {
		in.texts = make(map[string]string)
	}
	s := string(b)
	in.texts[s] = s
	return s
}

func (in *interner) number(n uint64) string {
	if s, ok := in.numbers[n]; ok {
		return s
	}
	if in.numbers == nil || len(in.numbers) >= maxInterned {
		in.numbers = make(map[uint64]string)
	}
	s := strconv.FormatUint(n, 10)
	in.numbers[n] = s
	return s
}

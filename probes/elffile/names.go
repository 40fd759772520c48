// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"bytes"
	"strings"
)

// Names is a set of symbol names to search for. It is safe for concurrent
// use once it is made.
type Names struct {
	exact map[string]string
	ends  suffixTree
}

// NewNames makes a set; empty names are left out.
func NewNames(names []string) *Names {
	n := &Names{exact: make(map[string]string, len(names))}
	for _, name := range names {
		if name != "" {
			n.exact[name] = name
			n.ends.insert(name)
		}
	}
	return n
}

// Match returns the wanted name that text is, with an empty suffix, or of which
// it is a clone: text continues with a dot, as in NAME.cold or NAME.part.0. A
// version (foo@@GLIBC_2.2.5) is left out.
func (n *Names) Match(text []byte) (name, suffix string, ok bool) {
	text, _, _ = bytes.Cut(text, []byte("@"))
	if name, ok = n.exact[string(text)]; ok {
		return name, "", true
	}
	return n.clone(text)
}

// maxDots is how many dots of a text may end a name. Names of C and C++ have
// none, and looking at all would take a hostile text's length squared.
const maxDots = 4

func (n *Names) clone(text []byte) (name, suffix string, ok bool) {
	end := 0
	for range maxDots {
		dot := bytes.IndexByte(text[end:], '.')
		if dot < 0 {
			break
		}
		end += dot
		if name, ok = n.exact[string(text[:end])]; ok {
			return name, string(text[end:]), true
		}
		end++
	}
	return "", "", false
}

// suffixTree holds names from their last byte to their first.
type suffixTree struct {
	next map[byte]*suffixTree
	name string
}

func (t *suffixTree) insert(name string) {
	for i := len(name) - 1; i >= 0; i-- {
		if t.next == nil {
			t.next = make(map[byte]*suffixTree)
		}
		if t.next[name[i]] == nil {
			t.next[name[i]] = new(suffixTree)
		}
		t = t.next[name[i]]
	}
	t.name = strings.Clone(name)
}

// find calls found with every inserted name that text ends with and where in
// text it begins.
func (t *suffixTree) find(text []byte, found func(i int, name string)) {
	for i := len(text) - 1; i >= 0; i-- {
		if t = t.next[text[i]]; t == nil {
			return
		}
		if t.name != "" {
			found(i, t.name)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package sqltext

import (
	"fmt"
	"strings"
	"testing"
)

func TestHashIsXXH64(t *testing.T) {
	// From the test vectors of https://github.com/cespare/xxhash.
	for _, tt := range []struct {
		text string
		want uint64
	}{
		{"", 0xef46db3751d8e999},
		{"a", 0xd24ec4f1a98c6e5b},
		{"as", 0x1c330fb2d66be179},
		{"asd", 0x631c37ce72a97393},
		{"asdf", 0x415872f599cea71e},
		{"Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2e85470d6fd96},
	} {
		if got := Hash([]byte(tt.text)); got != tt.want {
			t.Errorf("Hash(%q) = %#x, want %#x", tt.text, got, tt.want)
		}
	}
}

func TestCacheKeepsDigests(t *testing.T) {
	c := NewCache(8)
	text, hash := AppendSanitized(nil, []byte("SELECT a FROM t WHERE b=1"), MySQL)
	first := c.Lookup(text, hash, MySQL)
	if first.Text != "SELECT a FROM t WHERE b=?" || first.Hash != hash || first.Summary.Text != "SELECT t" {
		t.Errorf("the digest is %+v", first)
	}
	copy(text, "XXXXXX")
	if first.Text != "SELECT a FROM t WHERE b=?" {
		t.Error("the digest refers to the caller's bytes")
	}
	copy(text, "SELECT")
	if again := c.Lookup(text, hash, MySQL); again != first {
		t.Error("the second look-up made another digest")
	}
	if n := testing.AllocsPerRun(100, func() { c.Lookup(text, hash, MySQL) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
	if other := c.Lookup(text, hash, PostgreSQL); other == first {
		t.Error("two dialects share a digest")
	}
}

func TestCacheTellsTextsOfOneHashApart(t *testing.T) {
	c := NewCache(8)
	for range 3 {
		for _, text := range []string{"SELECT a FROM t", "SELECT b FROM u"} {
			if got := c.Lookup([]byte(text), 42, MySQL); got.Text != text {
				t.Fatalf("Lookup(%q) returned %q", text, got.Text)
			}
			if c.Len() != 1 {
				t.Fatalf("%d digests for one hash", c.Len())
			}
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	const entries = 16
	c := NewCache(entries)
	check := func() {
		t.Helper()
		total, held := 0, 0
		for _, s := range c.slots {
			if s.digest != nil {
				held++
				total += len(s.digest.Text)
			}
		}
		if held != c.Len() || held > entries || total != c.bytes || total > entries*bytesPerEntry {
			t.Fatalf("%d digests in %d slots, %d bytes counted as %d", c.Len(), held, total, c.bytes)
		}
	}
	for i := range 200 {
		text := fmt.Appendf(nil, "SELECT a FROM t%d /* %s", i, strings.Repeat("x", i*37%5000))
		if got := c.Lookup(text, Hash(text), MySQL); got.Text != string(text) {
			t.Fatalf("Lookup returned %q", got.Text)
		}
		check()
	}
	huge := []byte(strings.Repeat("a", entries*bytesPerEntry+1))
	before := c.Len()
	c.Lookup(huge, Hash(huge), MySQL)
	if check(); c.Len() != before {
		t.Error("a text larger than the cache was kept")
	}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := NewCache(8)
	look := func(i int) *Digest {
		text := fmt.Appendf(nil, "SELECT a FROM t%d", i)
		return c.Lookup(text, Hash(text), MySQL)
	}
	hot := look(0)
	for i := 1; i < 100; i++ {
		look(i)
		if look(0) != hot {
			t.Fatalf("the digest in use was evicted after %d others", i)
		}
	}
}

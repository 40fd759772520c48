// SPDX-License-Identifier: Apache-2.0

package sqltext

// Digest is what all statements of one sanitised text have in common. It is
// immutable and stays valid for as long as the caller keeps it.
type Digest struct {
	Hash    uint64 // XXH64 of Text
	Text    string // the sanitised text
	Summary Summary

	dialect Dialect
	slot    int
}

// bytesPerEntry bounds the text that a cache holds: so many bytes for each
// entry, on average.
const bytesPerEntry = 1 << 10

// Cache keeps the digests of the sanitised texts seen lately. It holds at most
// as many as it was made for, and at most 1 KiB of text for each on average. A
// hit is confirmed by comparing the texts and allocates nothing. A Cache is
// not safe for concurrent use.
type Cache struct {
	byKey map[uint64]*Digest
	slots []slot // a clock: hand looks for one that was not used since it came by
	hand  int
	bytes int
}

type slot struct {
	digest *Digest
	key    uint64
	used   bool
}

// NewCache returns a cache for the given number of digests, at least one.
func NewCache(entries int) *Cache {
	entries = max(entries, 1)
	return &Cache{byKey: make(map[uint64]*Digest, entries), slots: make([]slot, entries)}
}

// Len returns the number of digests held.
func (c *Cache) Len() int { return len(c.byKey) }

// Lookup returns the digest of the sanitised text and its hash, both as
// [AppendSanitized] returned them. It makes and keeps the digest if it holds
// none. The text is copied if it is kept.
func (c *Cache) Lookup(text []byte, hash uint64, d Dialect) *Digest {
	key := hash + uint64(d)*prime5
	if found, ok := c.byKey[key]; ok {
		if found.dialect == d && found.Text == string(text) {
			c.slots[found.slot].used = true
			return found
		}
		c.evict(found.slot) // two texts of one hash: the newer one stays
	}
	digest := &Digest{Hash: hash, Text: string(text), dialect: d}
	digest.Summary = Summarize(digest.Text, d)
	if len(text) <= len(c.slots)*bytesPerEntry {
		c.insert(key, digest)
	}
	return digest
}

func (c *Cache) insert(key uint64, digest *Digest) {
	for c.bytes+len(digest.Text) > len(c.slots)*bytesPerEntry || c.slots[c.hand].digest != nil {
		s := &c.slots[c.hand]
		if s.digest != nil && !s.used {
			c.evict(c.hand)
			continue
		}
		s.used = false
		c.hand = (c.hand + 1) % len(c.slots)
	}
	digest.slot = c.hand
	c.slots[c.hand] = slot{digest: digest, key: key}
	c.byKey[key] = digest
	c.bytes += len(digest.Text)
	c.hand = (c.hand + 1) % len(c.slots)
}

func (c *Cache) evict(i int) {
	s := &c.slots[i]
	c.bytes -= len(s.digest.Text)
	delete(c.byKey, s.key)
	*s = slot{}
}

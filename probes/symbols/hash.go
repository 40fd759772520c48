// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// lookupGNU walks .gnu.hash: header, bloom filter, buckets, and for each symbol
// from symOffset on a word with its hash, whose lowest bit ends a chain. The
// layout is that of glibc's elf/dl-lookup.c and binutils' bfd/elflink.c.
func (d *dynamic) lookupGNU(name string) (*elffile.Entry, error) {
	header, err := d.words(d.gnuHash, 4)
	if err != nil {
		return nil, fmt.Errorf("read .gnu.hash: %w", err)
	}
	buckets, symOffset, blooms, shift := header[0], header[1], header[2], header[3]
	if buckets == 0 || blooms == 0 || blooms&(blooms-1) != 0 || shift > 31 {
		return nil, errors.New("read .gnu.hash: damaged header")
	}
	hash := gnuHash(name)
	bloomAt := d.gnuHash + 16
	var word [8]byte
	if err := d.image.read(bloomAt+8*uint64(hash/64&(blooms-1)), word[:]); err != nil {
		return nil, fmt.Errorf("read .gnu.hash: %w", err)
	}
	mask := uint64(1)<<(hash%64) | uint64(1)<<(hash>>shift%64)
	if binary.LittleEndian.Uint64(word[:])&mask != mask {
		return nil, nil
	}
	bucketAt := bloomAt + 8*uint64(blooms)
	first, err := d.words(bucketAt+4*uint64(hash%buckets), 1)
	if err != nil {
		return nil, fmt.Errorf("read .gnu.hash: %w", err)
	}
	if first[0] < symOffset {
		return nil, nil // an empty bucket
	}
	return d.chainGNU(bucketAt+4*uint64(buckets), first[0], symOffset, hash, name)
}

// chainGNU follows one chain. chains is the address of the word of the symbol
// symOffset.
func (d *dynamic) chainGNU(chains uint64, index, symOffset, hash uint32, name string) (*elffile.Entry, error) {
	var other *elffile.Entry // a version that is not the default
	for range maxChain {
		word, err := d.words(chains+4*uint64(index-symOffset), 1)
		if err != nil {
			return nil, fmt.Errorf("read .gnu.hash: %w", err)
		}
		if word[0]|1 == hash|1 {
			e, hidden, err := d.candidate(index, name)
			if err != nil || e != nil && !hidden {
				return e, err
			}
			if e != nil {
				other = e
			}
		}
		if word[0]&1 != 0 {
			return other, nil
		}
		index++
	}
	return nil, fmt.Errorf("read .gnu.hash: a chain of more than %d symbols: %w", maxChain, elffile.ErrLimit)
}

func gnuHash(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h
}

// lookupSysV walks DT_HASH (System V ABI, chapter 5, Hash Table): the numbers
// of buckets and symbols, the buckets, and for each symbol the next of its
// chain, 0 at the end.
func (d *dynamic) lookupSysV(name string) (*elffile.Entry, error) {
	header, err := d.words(d.sysVHash, 2)
	if err != nil {
		return nil, fmt.Errorf("read hash table: %w", err)
	}
	buckets, symbols := header[0], header[1]
	if buckets == 0 {
		return nil, errors.New("read hash table: damaged header")
	}
	var other *elffile.Entry
	next := d.sysVHash + 8 + 4*uint64(sysVHash(name)%buckets)
	for range maxChain {
		index, err := d.words(next, 1)
		if err != nil {
			return nil, fmt.Errorf("read hash table: %w", err)
		}
		if index[0] == 0 {
			return other, nil
		}
		if index[0] >= symbols {
			return nil, fmt.Errorf("read hash table: symbol %d of %d", index[0], symbols)
		}
		e, hidden, err := d.candidate(index[0], name)
		if err != nil || e != nil && !hidden {
			return e, err
		}
		if e != nil {
			other = e
		}
		next = d.sysVHash + 8 + 4*uint64(buckets) + 4*uint64(index[0])
	}
	return nil, fmt.Errorf("read hash table: a chain of more than %d symbols: %w", maxChain, elffile.ErrLimit)
}

func sysVHash(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		h ^= h >> 24 & 0xf0
		h &= 0x0fffffff
	}
	return h
}

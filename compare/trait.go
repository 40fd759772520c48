// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Trait is what a difference goes with that is not the same for all statements.
type Trait string

// The traits. The last one is that of a difference that is another one each time.
const (
	TraitDuration Trait = "the duration"
	TraitSent     Trait = "the rows sent"
	TraitExamined Trait = "the rows examined"
	TraitText     Trait = "the text"
	TraitNone     Trait = "nothing that is told"
)

// class is those statements that have a trait in common.
type class struct {
	size int // of a number: it is below 2 to the power of that
	text string
}

// traits make classes of statements. Of those that are in none an account does not tell enough.
var traits = []struct {
	Trait
	class func(a, b *Statement) (class, bool)
}{
	// The shorter of the two, which the tail of the longer one is not in.
	{TraitDuration, func(a, b *Statement) (class, bool) { return sizeOf(uint64(max(0, min(a.Duration, b.Duration)))), true }},
	{TraitSent, func(a, b *Statement) (class, bool) {
		return sizeOf(max(a.Sent, b.Sent)), (a.Has | b.Has).Has(FieldRowsSent)
	}},
	{TraitExamined, func(a, b *Statement) (class, bool) {
		return sizeOf(max(a.Examined, b.Examined)), (a.Has | b.Has).Has(FieldRowsExamined)
	}},
	{TraitText, func(a, b *Statement) (class, bool) {
		if !a.Has.Has(FieldText) {
			a = b
		}
		return class{text: withoutDigits(a.Text)}, a.Has.Has(FieldText)
	}},
}

func sizeOf(n uint64) class { return class{size: bits.Len64(n)} }

// withoutDigits makes one text of those that differ in numbers of names only.
func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// leastOfClass is how many statements say something of their class.
const leastOfClass = 20

// goesWith finds the trait that differences go with, "" if they are about the same.
func goesWith(all []difference, half Half, limit time.Duration) Trait {
	for _, t := range traits {
		by := make(map[class][]difference)
		for _, d := range all {
			if c, ok := t.class(d.a, d.b); ok {
				by[c] = append(by[c], d)
			}
		}
		for _, of := range by {
			if differs(all, of, half.Middle, limit) {
				return t.Trait
			}
		}
	}
	if half.To-half.From > limit {
		return TraitNone
	}
	return ""
}

// differs reports whether three quarters of a class lie on one side of the limit, and far more than of all statements do: by
// four standard deviations of what chance gives. Half of a class may have had to wait for a CPU, if its threads sleep more than others.
// For a class of long statements the limit is a fiftieth of their duration, if that is more: what is the same is within that.
func differs(all, of []difference, middle, limit time.Duration) bool {
	n := len(of)
	if n < leastOfClass {
		return false
	}
	durations := make([]time.Duration, n)
	for i := range of {
		durations[i] = min(of[i].a.Duration, of[i].b.Duration)
	}
	slices.Sort(durations)
	limit = max(limit, durations[n/2]/50)
	below, above := beyond(of, middle, limit)
	usuallyBelow, usuallyAbove := beyond(all, middle, limit)
	return moreThanChance(n, below, len(all), usuallyBelow) || moreThanChance(n, above, len(all), usuallyAbove)
}

// moreThanChance reports whether k of n are most of them, and more than so many of all let expect.
func moreThanChance(n, k, all, usually int) bool {
	p := float64(usually) / float64(all)
	return 4*k > 3*n && float64(k) > float64(n)*p+4*math.Sqrt(float64(n)*p*(1-p))
}

// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestBackoffDoublesUpToItsLimitWithJitter(t *testing.T) {
	const first, limit = 100 * time.Millisecond, time.Second
	seen := make(map[time.Duration]bool)
	for range 200 {
		b := backoff{next: first, limit: limit}
		for step := first; step < 20*limit; step *= 2 {
			wait, full := b.wait(), min(step, limit)
			if wait < full/2 || wait > full {
				t.Fatalf("waits %v in a step of %v", wait, full)
			}
			seen[wait] = true
		}
	}
	if len(seen) < 1000 {
		t.Errorf("only %d different waits: no jitter", len(seen))
	}
}

func TestWishesOfTheReceiverAreKeptWithinReason(t *testing.T) {
	for range 200 {
		if wait := spread(10 * time.Second); wait < 10*time.Second || wait > 11*time.Second {
			t.Fatalf("10 s became %v", wait)
		}
		if wait := spread(time.Hour); wait < maxRetryAfter || wait > maxRetryAfter*11/10 {
			t.Fatalf("an hour became %v", wait)
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"7":                    7 * time.Second,
		"-7":                   0,
		"soon":                 0,
		"1.5":                  0,
		"9223372036854775807":  maxRetryAfter,
		"99999999999999999999": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestCleanMakesTextFitForALine(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                    "plain",
		" two\r\nlines\t":          "two lines",
		"\x1b]0;title\a":           "]0;title",
		"bad \xff bytes":           "bad ? bytes",
		"right-to-left \u202e end": "right-to-left end",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := clean(strings.Repeat("ü", 10_000)); len(got) > 210 || !utf8.ValidString(got) {
		t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
	}
}

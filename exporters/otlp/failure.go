// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
)

// maxRetryAfter is the longest wait that a receiver can ask for.
const maxRetryAfter = 5 * time.Minute

// transport makes one attempt to deliver a request. It is safe for concurrent
// use.
type transport interface {
	// send returns once the receiver has answered or ctx has ended. It may
	// replace the body of the request by a compressed one.
	send(ctx context.Context, r *request) (answer, *failure)
	close()
}

// answer is what a receiver says on success.
type answer struct {
	rejected int64
	message  string
}

// failure is an attempt that did not succeed.
type failure struct {
	err   error
	retry bool          // trying again may help
	after time.Duration // the receiver's own wish for how long to wait, 0 if none
}

// backoff is an exponential series of waits with jitter.
type backoff struct{ next, limit time.Duration }

// wait returns between half and all of the next step, so that senders and
// hosts that failed together do not come back together.
func (b *backoff) wait() time.Duration {
	step := b.next
	b.next = min(2*b.next, b.limit)
	return step/2 + rand.N(step/2+1)
}

// spread lengthens a wait that the receiver asked for by up to a tenth: it is
// never shortened.
func spread(after time.Duration) time.Duration {
	after = min(after, maxRetryAfter)
	return after + rand.N(after/10+1)
}

// clean makes a receiver's text fit for a log line.
func clean(text string) string {
	const limit = 200
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

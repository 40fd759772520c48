// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"time"

	"google.golang.org/grpc/codes"
)

// Fault is a way in which a [Sink] misbehaves. The zero value is none.
type Fault struct {
	// Hang never answers: the request ends when the client gives up.
	Hang bool
	// Status is the HTTP status of the answer, Code the gRPC code. Nothing of
	// such a request is kept.
	Status int
	Code   codes.Code
	// RetryAfter is sent with Status and Code, as a Retry-After header in
	// whole seconds (rounded up) and as a RetryInfo detail.
	RetryAfter time.Duration
	// RetryAfterDate sends the header as a date.
	RetryAfterDate bool
	// Rejected and Message make a successful answer a partial success; the
	// request is kept.
	Rejected int64
	Message  string
	// ReplyBytes is how large an answer to send: HTTP answers 200 with so many
	// bytes of nonsense, gRPC with a message of that size.
	ReplyBytes int64
	// Times is the number of requests to spoil, 0 for all.
	Times int
}

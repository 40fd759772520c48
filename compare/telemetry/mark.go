// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"crypto/rand"
	"strings"
)

// A server sends spans in the order in which they ended. So at the end one more statement is executed,
// and once its span has come all before it have.

// sendMark executes the statement that is the last one.
func (r *Receiver) sendMark() {
	if r.options.DB == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), settleWithin)
	defer cancel()
	mark := "spanbridge_end_" + strings.ToLower(rand.Text())
	r.setMark(mark)
	if _, err := r.options.DB.ExecContext(ctx, "DO 1 -- "+mark); err != nil {
		r.setMark("") // what is asked of the server next tells why
	}
}

func (r *Receiver) setMark(mark string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book.mark = mark
}

// markMissing reports whether the last span is still to come.
func (r *Receiver) markMissing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.mark != ""
}

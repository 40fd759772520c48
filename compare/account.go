// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"errors"
	"fmt"
	"io"
)

// Account yields what one source tells of a server's statements, in its own
// order. It is used by one goroutine.
type Account interface {
	// Next fills in the next statement. Its strings stay valid. It returns io.EOF at the
	// end, and then the account is complete.
	Next(*Statement) error
	// Nature is final once Next has returned io.EOF: a log may tell only within
	// what it can tell.
	Nature() Nature
	// Losses are what the account knows to have lost, final like its nature.
	Losses() []Loss
	// Close gives everything back, and puts back what was changed.
	Close() error
}

// ErrTooMany is wrapped where an account has more statements than were allowed for.
var ErrTooMany = errors.New("too many statements")

// Collect reads an account to its end, up to a number of statements, and closes
// it. What was read before an error is returned with it.
func Collect(account Account, most int) (*Listing, error) {
	l := &Listing{}
	var err error
	for {
		var s Statement
		if err = account.Next(&s); err != nil {
			break
		}
		if len(l.Statements) == most {
			err = fmt.Errorf("%w: more than %d", ErrTooMany, most)
			break
		}
		l.Statements = append(l.Statements, s)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	l.Nature, l.Losses = account.Nature(), account.Losses()
	return l, errors.Join(err, account.Close())
}

// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"errors"
	"io"
	"testing"
)

// fake yields statements of a number of connections, then ends with an error.
type fake struct {
	left   int
	end    error
	closed error
}

func (f *fake) Next(s *Statement) error {
	if f.left == 0 {
		return f.end
	}
	s.Connection = uint64(f.left)
	f.left--
	return nil
}

func (f *fake) Nature() Nature { return Nature{Name: "fake"} }
func (f *fake) Losses() []Loss { return []Loss{{Why: "fake"}} }
func (f *fake) Close() error   { return f.closed }

func TestCollectReadsToTheEndAndNoFurtherThanAllowed(t *testing.T) {
	broken, stuck := errors.New("broken"), errors.New("stuck")
	for _, c := range []struct {
		name    string
		account fake
		n       int
		errs    []error
	}{
		{"to the end", fake{left: 3, end: io.EOF}, 3, nil},
		{"no more than allowed", fake{left: 5, end: io.EOF}, 4, []error{ErrTooMany}},
		{"to an error", fake{left: 2, end: broken, closed: stuck}, 2, []error{broken, stuck}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := Collect(&c.account, 4)
			if len(l.Statements) != c.n || l.Nature.Name != "fake" || len(l.Losses) != 1 {
				t.Errorf("%+v, want %d statements", l, c.n)
			}
			if (err == nil) != (len(c.errs) == 0) {
				t.Errorf("error %v, want %v", err, c.errs)
			}
			for _, want := range c.errs {
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
			}
		})
	}
}

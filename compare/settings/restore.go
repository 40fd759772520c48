// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// Restore puts back what a session has left changed, by its state file, and removes the file. It returns what was put
// back; what the session had not come to change, or a restart of the server has undone, is not among
// it. A [LeftError] names what was left alone, and then nothing remains to be done. After any
// other error the file is still there. It wraps os.ErrNotExist if there is no file.
func Restore(ctx context.Context, db *sql.DB, stateFile string) ([]Change, error) {
	state, err := openState(stateFile, false)
	if err != nil {
		return nil, err
	}
	conn, done, err := state.restore(ctx, db)
	if conn != nil {
		defer disconnect(conn) // the work is done, and the server ends the connection anyway
	}
	var left *LeftError
	if err != nil && !errors.As(err, &left) {
		return done, errors.Join(err, state.close())
	}
	return done, errors.Join(err, state.remove())
}

// Recorded are the changes that a state file tells of, in the order in which they were made: also those
// that [Restore] will find undone. It wraps os.ErrNotExist if there is no file.
func Recorded(stateFile string) ([]Change, error) {
	state, err := openState(stateFile, false)
	if err != nil {
		return nil, err
	}
	return state.changes, state.close()
}

// restore puts back what the file tells of, on a connection of its own.
func (s *stateFile) restore(ctx context.Context, db *sql.DB) (conn *sql.Conn, done []Change, err error) {
	if len(s.changes) == 0 {
		return nil, nil, nil
	}
	if conn, err = connect(ctx, db); err != nil {
		return nil, nil, fmt.Errorf("restore settings: %w", err)
	}
	now, err := identify(ctx, conn)
	if err != nil {
		return conn, nil, fmt.Errorf("restore settings: %w", err)
	}
	if !now.is(s.header.Server) {
		return conn, nil, fmt.Errorf("restore settings: %w: %s is about %s, this is %s; if that server is no more, remove the file",
			ErrOtherServer, s.path, s.header.Server, now)
	}
	if now.restarted(s.header.Server) {
		return conn, nil, nil // it has forgotten them, and what it has now is how it was configured
	}
	done, err = restoreAll(ctx, conn, s.changes)
	return conn, done, err
}

// restoreAll puts everything back that can be, the last change first.
func restoreAll(ctx context.Context, conn *sql.Conn, all []Change) (done []Change, err error) {
	sum, tried := outstanding(all)
	slices.Reverse(sum)
	slices.Reverse(tried)
	var left []Left
	var failures []error
	for from := 0; from < len(sum); {
		to := from + 1
		for to < len(sum) && sum[to].Kind == sum[from].Kind && sum[to].Kind != Variable {
			to++
		}
		back, others, err := putBack(ctx, conn, sum[from:to], tried[from:to])
		done, left = append(done, back...), append(left, others...)
		if err != nil {
			failures = append(failures, fmt.Errorf("put back %s: %w", describe(sum[from:to]), err))
		}
		from = to
	}
	switch {
	case len(failures) > 0:
		return done, errors.Join(failures...)
	case len(left) > 0:
		return done, &LeftError{left}
	}
	return done, nil
}

func describe(changes []Change) string {
	if len(changes) == 1 {
		return changes[0].Kind + " " + changes[0].Name
	}
	return fmt.Sprintf("%ss (%d)", changes[0].Kind, len(changes))
}

// putBack puts changes of one kind back, but what has neither the value that they made nor that tried before.
func putBack(ctx context.Context, conn *sql.Conn, changes []Change, tried []string) (done []Change, left []Left, err error) {
	t, err := targetOf(changes[0].Kind)
	if err != nil {
		return nil, nil, err
	}
	now, err := t.read(ctx, conn, changes)
	if err != nil {
		return nil, nil, err
	}
	var back []Change
	for i, c := range changes {
		found, there := now[c.Name]
		switch {
		case !there || found == c.Was:
		case sameValue(found, c.Now) || found == tried[i]:
			back = append(back, Change{c.Kind, c.Name, found, c.Was})
			done = append(done, c)
		default:
			left = append(left, Left{c, found})
		}
	}
	if len(back) == 0 {
		return nil, left, nil
	}
	if err := apply(ctx, conn, t, back); err != nil {
		return nil, left, err
	}
	return done, left, verifyAll(ctx, conn, t, back)
}

func verifyAll(ctx context.Context, conn *sql.Conn, t target, changes []Change) error {
	now, err := t.read(ctx, conn, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if got := now[c.Name]; !sameValue(got, c.Now) {
			return fmt.Errorf("%s is %q still", c.Name, got)
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// What keeps a session from beginning. The errors that wrap them name the file or the server.
var (
	ErrRunning     = errors.New("another session is changing settings")
	ErrUnfinished  = errors.New("settings of an earlier session have not been put back")
	ErrOtherServer = errors.New("not the server that the state file is about")
)

// Session changes settings of a server and puts them back. It is used by one goroutine. It holds a
// connection of the database until Restore.
type Session struct {
	db     *sql.DB
	conn   *sql.Conn
	state  *stateFile
	server Server
}

// Open begins a session. The state file must be on a disk that outlives a crash, in a folder that exists.
// If it holds changes of an earlier session, Open refuses with ErrUnfinished.
func Open(ctx context.Context, db *sql.DB, stateFile string) (*Session, error) {
	state, err := openState(stateFile, true)
	if err != nil {
		return nil, err
	}
	s := &Session{db: db, state: state}
	if len(state.changes) > 0 {
		return nil, errors.Join(fmt.Errorf("%w: those in %s of %s, since %s: restore them first", ErrUnfinished, stateFile,
			state.header.Server, state.header.Began.Format("2006-01-02 15:04:05 MST")), s.leave())
	}
	if err := s.begin(ctx); err != nil {
		if s.conn != nil {
			err = errors.Join(err, disconnect(s.conn))
		}
		return nil, errors.Join(err, state.remove())
	}
	return s, nil
}

func (s *Session) begin(ctx context.Context) (err error) {
	if s.conn, err = connect(ctx, s.db); err != nil {
		return err
	}
	if s.server, err = identify(ctx, s.conn); err != nil {
		return err
	}
	return s.state.begin(s.server)
}

// Server is the server whose settings are changed.
func (s *Session) Server() Server { return s.server }

// Changes are what is to be put back, in the order in which it was changed.
func (s *Session) Changes() []Change {
	sum, _ := outstanding(s.state.changes)
	return sum
}

// Set changes a setting, for the time of the session. It does nothing if it is so already. What a server
// refuses, such as a variable that is read only, is an error, and then nothing
// was changed.
func (s *Session) Set(ctx context.Context, kind, name, value string) error {
	if err := s.set(ctx, kind, name, value); err != nil {
		return fmt.Errorf("set %s %s to %q: %w", kind, name, value, err)
	}
	return nil
}

func (s *Session) set(ctx context.Context, kind, name, value string) error {
	t, err := targetOf(kind)
	if err != nil {
		return err
	}
	if err := s.connected(ctx); err != nil {
		return err
	}
	changes, err := t.plan(ctx, s.conn, name, value)
	if err != nil || len(changes) == 0 {
		return err
	}
	before := s.state.mark()
	if err := s.state.add(changes); err != nil {
		return err
	}
	if err := apply(ctx, s.conn, t, changes); err != nil {
		return errors.Join(err, s.undo(ctx, changes, before))
	}
	return nil
}

// undo puts back what a change that failed has done nevertheless, and then there is nothing to remember.
func (s *Session) undo(ctx context.Context, changes []Change, before mark) error {
	if err := s.connected(ctx); err != nil {
		return err // the file remembers
	}
	t, err := targetOf(changes[0].Kind)
	if err != nil {
		return err
	}
	now, err := t.read(ctx, s.conn, changes)
	if err != nil {
		return err
	}
	for i := range changes {
		changes[i].Now = now[changes[i].Name] // whatever became of it
	}
	if _, err := restoreAll(ctx, s.conn, changes); err != nil {
		return err
	}
	return s.state.forget(before)
}

// connected opens another connection if the session's has ended, to the same run of the same server.
func (s *Session) connected(ctx context.Context) error {
	if s.conn != nil && s.conn.PingContext(ctx) == nil {
		return nil
	}
	if err := s.drop(); err != nil {
		return err
	}
	conn, err := connect(ctx, s.db)
	if err != nil {
		return err
	}
	s.conn = conn
	now, err := identify(ctx, conn)
	switch {
	case err != nil:
		return errors.Join(err, s.drop())
	case !now.is(s.server):
		return errors.Join(fmt.Errorf("%w: it is about %s, this is %s", ErrOtherServer, s.server, now), s.drop())
	case now.restarted(s.server):
		return errors.Join(errors.New("the server was restarted in the session"), s.drop())
	}
	return nil
}

func (s *Session) drop() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return disconnect(conn)
}

// leave ends the session without putting anything back.
func (s *Session) leave() error { return errors.Join(s.drop(), s.state.close()) }

// Restore puts everything back, in reverse order, and ends the session. It returns a [LeftError] about what
// somebody else has changed, and ends the session. After any other error the state file is still
// there, and Restore may be called again, in this program or in another one. Once it has returned nil
// it does nothing. The context must not be that whose end ended the session.
func (s *Session) Restore(ctx context.Context) error {
	if s.state == nil {
		return nil
	}
	if err := s.drop(); err != nil {
		return err
	}
	conn, _, err := s.state.restore(ctx, s.db)
	if conn != nil {
		err = errors.Join(err, disconnect(conn))
	}
	var left *LeftError
	if err != nil && !errors.As(err, &left) {
		return err
	}
	err = errors.Join(err, s.state.remove())
	s.state = nil
	return err
}

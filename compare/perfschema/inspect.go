// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// State is what of Performance Schema is on.
type State struct {
	Version     string
	MariaDB     bool
	On          bool // performance_schema
	Consumers   map[string]bool
	HistorySize int // performance_schema_events_statements_history_long_size
	MaxText     int // performance_schema_max_sql_text_length, bytes
	// Off is how many instruments of statements are off or not timed, and how many connections are not
	// instrumented or have no history.
	InstrumentsOff, ConnectionsOff int
	// Lost is what the server says that it had no room for since its start (Performance_schema_*_lost), by what
	// is between these words. None of it counts what is overwritten in a ring.
	Lost map[string]uint64
	// Missing is what stands in the way of a whole account, and how to have it.
	Missing []Missing
}

// Missing is what is not on, or too small.
type Missing struct {
	What    string
	Mend    string // what to do about it
	Restart bool   // the server has to be started anew; else Setup does it
	Fatal   bool   // without it there is no account
	Partial bool   // without it statements are not told that could be
}

// Inspect finds out what of Performance Schema is on. It changes nothing.
func Inspect(ctx context.Context, db *sql.DB) (*State, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspect Performance Schema: %w", err)
	}
	defer conn.Close()
	s, err := inspect(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("inspect Performance Schema: %w", err)
	}
	return s, nil
}

func inspect(ctx context.Context, conn *sql.Conn) (*State, error) {
	known, err := settings.Pairs(ctx, conn, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'performance_schema',
		'performance_schema_events_statements_history_long_size', 'performance_schema_max_sql_text_length')`)
	if err != nil {
		return nil, err
	}
	s := &State{Version: known["version"], MariaDB: strings.Contains(known["version"], "MariaDB"), On: known["performance_schema"] == "ON"}
	s.HistorySize, _ = strconv.Atoi(known["performance_schema_events_statements_history_long_size"])
	if s.MaxText, _ = strconv.Atoi(known["performance_schema_max_sql_text_length"]); s.MaxText == 0 {
		s.MaxText = 1024 // of MySQL 5.6, which has no variable for it
	}
	if s.On {
		if err := s.inspectTables(ctx, conn); err != nil {
			return nil, err
		}
	}
	s.judge()
	return s, nil
}

func (s *State) inspectTables(ctx context.Context, conn *sql.Conn) error {
	consumers, err := settings.Pairs(ctx, conn, "SELECT NAME, ENABLED FROM performance_schema.setup_consumers")
	if err != nil {
		return err
	}
	s.Consumers = make(map[string]bool)
	for name, enabled := range consumers {
		s.Consumers[name] = enabled == "YES"
	}
	if err := conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM performance_schema.setup_instruments
		WHERE NAME LIKE 'statement/%' AND (ENABLED = 'NO' OR TIMED = 'NO')`).Scan(&s.InstrumentsOff); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM performance_schema.threads
		WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_ID <> CONNECTION_ID() AND INSTRUMENTED = 'NO'`).Scan(&s.ConnectionsOff); err != nil {
		return err
	}
	s.Lost, err = lost(ctx, conn)
	return err
}

// needed are the consumers without which there is no history.
var needed = []string{"global_instrumentation", "thread_instrumentation", "events_statements_current", "events_statements_history_long"}

// smallHistory is a ring that a server of some thousand statements a second fills in less time than it takes to
// read it a few times.
const smallHistory = 1000

func (s *State) judge() {
	add := func(m Missing) { s.Missing = append(s.Missing, m) }
	if !s.On {
		add(Missing{"performance_schema is OFF", "start the server with performance_schema=ON", true, true, false})
		return
	}
	if s.HistorySize <= 0 {
		add(Missing{"events_statements_history_long has no rows",
			"start the server with performance_schema_events_statements_history_long_size=10000", true, true, false})
	} else if s.HistorySize < smallHistory {
		add(Missing{fmt.Sprintf("events_statements_history_long has %d rows only", s.HistorySize),
			"start the server with performance_schema_events_statements_history_long_size=10000", true, false, false})
	}
	for _, name := range needed {
		if !s.Consumers[name] {
			add(Missing{"the consumer " + name + " is off",
				"UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = '" + name + "'", false, true, false})
		}
	}
	if s.InstrumentsOff > 0 {
		add(Missing{fmt.Sprintf("%d instruments of statements are off or not timed", s.InstrumentsOff),
			"UPDATE performance_schema.setup_instruments SET ENABLED = 'YES', TIMED = 'YES' WHERE NAME LIKE 'statement/%'", false, false, true})
	}
	if s.ConnectionsOff > 0 {
		add(Missing{fmt.Sprintf("%d connections are not instrumented", s.ConnectionsOff),
			"see performance_schema.setup_actors, which decides about connections that come", false, false, true})
	}
	if n := s.Lost["thread_instances"]; n > 0 {
		add(Missing{fmt.Sprintf("%d threads had no room and are not instrumented", n),
			"start the server with a larger performance_schema_max_thread_instances", true, false, true})
	}
}

// refusal is why there is no account.
func (s *State) refusal() error {
	var all []error
	for _, m := range s.Missing {
		if m.Fatal {
			all = append(all, fmt.Errorf("%s: %s", m.What, m.Mend))
		}
	}
	return errors.Join(all...)
}

func (s *State) nature() compare.Nature {
	n := compare.Nature{Name: "perfschema", Resolution: time.Microsecond, Fields: fields}
	var why []string
	for _, m := range s.Missing {
		if m.Partial {
			why = append(why, m.What)
		}
	}
	n.Partial, n.Why = len(why) > 0, strings.Join(why, ", ")
	return n
}

// Setup switches on what an account needs, for the time of a session of settings. What needs another start of the
// server is an error.
func Setup(ctx context.Context, s *settings.Session, db *sql.DB) error {
	state, err := Inspect(ctx, db)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(state.Missing, func(m Missing) bool { return m.Fatal && m.Restart }); i >= 0 {
		return fmt.Errorf("set up Performance Schema: %s: %s", state.Missing[i].What, state.Missing[i].Mend)
	}
	for _, name := range needed {
		if err := s.Set(ctx, settings.Consumer, name, "YES"); err != nil {
			return err
		}
	}
	if state.InstrumentsOff == 0 {
		return nil
	}
	return errors.Join(s.Set(ctx, settings.Instrument, "statement/%", "YES"), s.Set(ctx, settings.Timing, "statement/%", "YES"))
}

// lost reads Performance_schema_*_lost.
func lost(ctx context.Context, conn *sql.Conn) (map[string]uint64, error) {
	all, err := settings.Pairs(ctx, conn, `SHOW GLOBAL STATUS LIKE 'Performance\_schema\_%lost'`)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]uint64)
	for name, text := range all {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n > 0 {
			counts[nameOfLost(name)] = n
		}
	}
	return counts, nil
}

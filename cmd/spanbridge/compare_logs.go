// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/generallog"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/server"
	"github.com/spanbridge/spanbridge/compare/slowlog"
)

// logWatcher reads a log of statements: the file that the server names, from its end on, or the table.
type logWatcher struct {
	db   *sql.DB
	most int
	ask  func() *server.Server // as it is set now

	file   string // the variable that names it
	wanted func(*server.Server) []need
	read   func(*logfile.Tail, *server.Server) compare.Account
	open   func(ctx context.Context, from time.Time, s *server.Server) (compare.Account, error) // of the table

	reading *collecting
	began   time.Time // of the table
}

func (w *logWatcher) needs(s *server.Server) []need {
	return append(w.wanted(s), logOutput(s))
}

// logOutput is where logs must go to be read: files, unless the server is elsewhere.
func logOutput(s *server.Server) need {
	now := s.Variable("log_output")
	want := "FILE"
	if s.PID == 0 {
		want = "TABLE"
	}
	switch {
	case goesTo(s, want):
		want = now
	case now != "NONE" && now != "":
		want = now + "," + want
	}
	return variable("log_output", want, true)
}

// goesTo reports whether logs go to files, or to tables.
func goesTo(s *server.Server, what string) bool {
	for to := range strings.SplitSeq(s.Variable("log_output"), ",") {
		if strings.TrimSpace(to) == what {
			return true
		}
	}
	return false
}

func (w *logWatcher) begin(ctx context.Context) (string, error) {
	s := w.ask()
	if s.PID == 0 || !goesTo(s, "FILE") {
		w.began = time.Now()
		return "its table", nil
	}
	path, err := s.File(w.file)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	tail, err := logfile.Follow(ctx, path, true)
	if err != nil {
		cancel()
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: run as root", err)
		}
		return "", err
	}
	w.reading = collect(w.read(tail, s), w.most, cancel)
	return path, w.mark(ctx)
}

// mark logs a statement of our own in a second in which none was logged yet that we have not read: a log that stamps only
// the first of each second is dated from there on.
func (w *logWatcher) mark(ctx context.Context) error {
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second + 10*time.Millisecond).Sub(now))
	_, err := w.db.ExecContext(ctx, "DO 0")
	return err
}

func (w *logWatcher) end(ctx context.Context) (*compare.Listing, error) {
	if w.reading != nil {
		return w.reading.end(ctx)
	}
	account, err := w.open(ctx, w.began, w.ask())
	if err != nil {
		return nil, err
	}
	return compare.Collect(account, w.most)
}

func (c *comparison) slowLog() watcher {
	return &logWatcher{
		db: c.db, most: c.config.Most, ask: c.asked, file: "slow_query_log_file",
		wanted: func(s *server.Server) []need {
			all := []need{variable("slow_query_log", "ON", true), variable("long_query_time", "0", false)}
			for _, n := range []need{
				variable("log_slow_extra", "ON", false), variable("log_slow_admin_statements", "ON", false),
				variable("min_examined_row_limit", "0", false), variable("log_slow_rate_limit", "1", false),
				variable("log_throttle_queries_not_using_indexes", "0", false),
			} {
				if s.Has(n.name) {
					all = append(all, n)
				}
			}
			return all
		},
		read: func(t *logfile.Tail, s *server.Server) compare.Account { return slowlog.New(t, slowOptions(s)) },
		open: func(ctx context.Context, from time.Time, s *server.Server) (compare.Account, error) {
			return slowlog.OpenTable(ctx, c.db, from, slowOptions(s))
		},
	}
}

// slowOptions are what a slow log leaves out by how the server is set.
func slowOptions(s *server.Server) slowlog.Options {
	o := slowlog.Options{MinDuration: time.Duration(s.Number("long_query_time") * float64(time.Second))}
	var why []string
	if n := s.Number("min_examined_row_limit"); n > 0 {
		why = append(why, fmt.Sprintf("examined fewer rows than min_examined_row_limit=%.0f", n))
	}
	if n := s.Number("log_slow_rate_limit"); n > 1 {
		why = append(why, fmt.Sprintf("sampled by log_slow_rate_limit=%.0f", n))
	}
	o.LeftOut = strings.Join(why, ", or ")
	return o
}

func (c *comparison) generalLog() watcher {
	return &logWatcher{
		db: c.db, most: c.config.Most, ask: c.asked, file: "general_log_file",
		wanted: func(*server.Server) []need { return []need{variable("general_log", "ON", true)} },
		read:   func(t *logfile.Tail, s *server.Server) compare.Account { return generallog.New(t, s.Zone) },
		open: func(ctx context.Context, from time.Time, _ *server.Server) (compare.Account, error) {
			return generallog.OpenTable(ctx, c.db, from)
		},
	}
}

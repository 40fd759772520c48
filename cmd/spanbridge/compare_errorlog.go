// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/errorlog"
	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/compare/server"
)

// errorLog reads the messages that the server writes meanwhile. It is no account of statements: its
// messages are joined to those of one.
type errorLog struct {
	stop     func()
	done     chan struct{}
	messages []errorlog.Message
	err      error
}

const mostMessages = 10_000

// followErrors begins at the end of the file.
func followErrors(ctx context.Context, s *server.Server) (*errorLog, string, error) {
	if name := s.Variable("log_error"); name == "" || name == "stderr" {
		return nil, "", fmt.Errorf("the server writes its error log to standard error: start it with log_error=FILE")
	}
	path, err := s.File("log_error")
	if err != nil {
		return nil, "", err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	tail, err := logfile.Follow(ctx, path, true)
	if err != nil {
		cancel()
		return nil, "", err
	}
	e := &errorLog{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		defer tail.Close()
		r := errorlog.New(tail, s.Zone)
		for len(e.messages) < mostMessages {
			var m errorlog.Message
			if e.err = r.Next(&m); e.err != nil {
				return
			}
			e.messages = append(e.messages, m)
		}
	}()
	return e, path, nil
}

// end returns the messages.
func (e *errorLog) end() []errorlog.Message {
	e.stop()
	select {
	case <-e.done:
		return e.messages
	case <-time.After(patience):
		return nil
	}
}

// told are the messages for the report, each with how many statements of a listing it may be about.
func told(messages []errorlog.Message, l *compare.Listing) []report.Message {
	var all []report.Message
	about := errorlog.Join(messages, l)
	for i, m := range messages {
		all = append(all, report.Message{
			At: time.Unix(0, m.At).UTC(), Severity: string(m.Severity), Code: m.Code, Connection: m.Connection, Text: m.Text,
			Statements: len(about[i]),
		})
	}
	return all
}

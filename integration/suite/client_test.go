// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// client is one connection that sends what it is told and no statement of its
// own. It is used by one goroutine at a time.
type client interface {
	// id is the server's number of the connection.
	id() int64
	// text sends a packet of text; attribute goes with it as the query attribute
	// traceparent where it is not empty.
	text(ctx context.Context, sql, attribute string) ([]result, error)
	// data sends a statement that reads data from the client.
	data(ctx context.Context, sql, data string) ([]result, error)
	// prepare prepares a statement of the binary protocol under the client's one
	// name for it; execute and unprepare are for that one.
	prepare(ctx context.Context, sql string) error
	execute(ctx context.Context, args []string) ([]result, error)
	unprepare(ctx context.Context) error
	// unnamed prepares and executes at once.
	unnamed(ctx context.Context, sql string, args []string) ([]result, error)
	// settle returns once the server has done with the last statement.
	settle(ctx context.Context) error
	// failure tells the parts of a server's error, nil if it is none.
	failure(error) *failure
	close()
}

// result is what a client was told of one statement that succeeded.
type result struct {
	rows     int64 // that the client got
	affected int64 // -1: the client was not told
}

// failure is a server's error as the client got it.
type failure struct {
	number   int // 0 where the server has none
	sqlstate string
	message  string
}

func (f *failure) String() string {
	if f == nil {
		return ""
	}
	if f.number == 0 {
		return f.sqlstate
	}
	return fmt.Sprint(f.number, " ", f.sqlstate)
}

// dial opens a connection that is closed with the test. With attributes it can
// send query attributes, if the server knows them.
func dial(t *testing.T, server *servers.Server, attributes bool) client {
	t.Helper()
	var c client
	var err error
	if server.Driver == "pgx" {
		c, err = dialPostgreSQL(t.Context(), server.DSN)
	} else {
		c, err = dialMySQL(t.Context(), server.DSN, attributes)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

// setUp runs what the suite needs to be there.
func setUp(t *testing.T, c client, statements []string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := c.text(t.Context(), sql, ""); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// fill puts connection ids and contexts into a text.
func fill(text string, clients map[string]client, traceparent string) string {
	numbers := make([]string, 1500)
	for i := range numbers {
		numbers[i] = fmt.Sprint(i + 1)
	}
	return strings.NewReplacer(
		"{a}", fmt.Sprint(clients["a"].id()),
		"{b}", fmt.Sprint(clients["b"].id()),
		"{traceparent}", traceparent,
		"{numbers}", strings.Join(numbers, ", "),
	).Replace(text)
}

// exchange is something sent, and when.
type exchange struct {
	sent    time.Time
	settled time.Time // when the server had done with it
	results []result
	err     error
}

func timed(ctx context.Context, c client, send func() ([]result, error)) exchange {
	e := exchange{sent: time.Now()}
	e.results, e.err = send()
	if err := c.settle(ctx); err != nil && e.err == nil {
		e.err = err
	}
	e.settled = time.Now()
	return e
}

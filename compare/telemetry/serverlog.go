// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// What opentelemetry-cpp writes, which MySQL passes on to its error log: a line for each span that is dropped
// (sdk/src/trace/batch_span_processor.cc), and one for each request that failed
// (exporters/otlp/src/otlp_http_exporter.cc).
const (
	dropLine = "%BatchSpanProcessor queue is full%"
	failLine = "%ERROR: Export % trace span(s) error%"
)

// inFlight is how long before the report of a failure its spans may have ended: the default of
// telemetry.otel_exporter_otlp_traces_timeout, and some of the queue's delay.
const inFlight = 15 * time.Second

// early is how much earlier than the server others may say that a statement began.
const early = time.Second

// ask reads what the server wrote of its own losses. A span is dropped at its end, up to the longest
// duration after its start.
func (l *losses) ask(ctx context.Context, db *sql.DB, longest time.Duration) error {
	began := float64(l.began.UnixMicro()) / 1e6
	for _, read := range []func(context.Context, *sql.DB, float64, time.Duration) error{l.dropped, l.failed, l.overwritten} {
		if err := read(ctx, db, began, longest); err != nil {
			return fmt.Errorf("read performance_schema.error_log: %w", err)
		}
	}
	return nil
}

func (l *losses) dropped(ctx context.Context, db *sql.DB, began float64, longest time.Duration) error {
	rows, err := db.QueryContext(ctx, `SELECT CAST(UNIX_TIMESTAMP(MIN(LOGGED)) * 1000000 AS SIGNED),
			CAST(UNIX_TIMESTAMP(MAX(LOGGED)) * 1000000 AS SIGNED), COUNT(*)
		FROM performance_schema.error_log WHERE LOGGED >= FROM_UNIXTIME(?) AND DATA LIKE ?
		GROUP BY FLOOR(UNIX_TIMESTAMP(LOGGED)) ORDER BY 1`, began, dropLine)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var from, to int64
		loss := compare.Loss{Why: WhyDropped}
		if err := rows.Scan(&from, &to, &loss.Count); err != nil {
			return err
		}
		loss.From, loss.To = from*1000-int64(early+longest), to*1000+999
		l.add(loss)
	}
	return rows.Err()
}

func (l *losses) failed(ctx context.Context, db *sql.DB, began float64, longest time.Duration) error {
	rows, err := db.QueryContext(ctx, `SELECT CAST(UNIX_TIMESTAMP(LOGGED) * 1000000 AS SIGNED), DATA
		FROM performance_schema.error_log WHERE LOGGED >= FROM_UNIXTIME(?) AND DATA LIKE ? ORDER BY 1`, began, failLine)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var line string
		if err := rows.Scan(&at, &line); err != nil {
			return err
		}
		l.add(compare.Loss{
			From: at*1000 - int64(inFlight+early+longest), To: at * 1000, Count: spansOf(line), Why: WhyFailed,
		})
	}
	return rows.Err()
}

// spansOf reads how many spans a request had: "... ERROR: Export 256 trace span(s) error: 1".
func spansOf(line string) uint64 {
	_, rest, _ := strings.Cut(line, "ERROR: Export ")
	number, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.ParseUint(number, 10, 64)
	return n // 0: unknown
}

// overwritten reports if the log that is kept in memory begins later than the account: a server writes at its
// start, if nothing else.
func (l *losses) overwritten(ctx context.Context, db *sql.DB, began float64, _ time.Duration) error {
	var over bool
	err := db.QueryRowContext(ctx, "SELECT COALESCE(MIN(LOGGED) > FROM_UNIXTIME(?), FALSE) FROM performance_schema.error_log",
		began).Scan(&over)
	if over {
		l.add(compare.Loss{Why: WhyOverwritten})
	}
	return err
}

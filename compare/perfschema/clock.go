// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"fmt"
)

// clock leads from the server's timer, in picoseconds, to Unix time. The timer is a number of 64 bits, which
// comes round after 213 days.
type clock struct {
	timer uint64
	unix  int64 // ns
}

// at returns the Unix time of a moment within 106 days, in nanoseconds.
func (c clock) at(timer uint64) int64 { return c.unix + int64(timer-c.timer)/1000 }

// past reports whether a moment is later than another one.
func past(timer, other uint64) bool { return int64(timer-other) > 0 }

// calibrations is how often both clocks are read. What comes in between only makes the wall clock later.
const calibrations = 5

// calibrate reads both clocks on a connection that is instrumented and whose time zone is UTC. The statement that reads
// is itself an event that has not ended: its TIMER_END is now, but NULL in MySQL 5.6, where its start has to do.
func calibrate(ctx context.Context, conn *sql.Conn, thread uint64) (best clock, err error) {
	for i := range calibrations {
		var c clock
		var micros int64
		err := conn.QueryRowContext(ctx, fmt.Sprintf(`SELECT COALESCE(TIMER_END, TIMER_START), CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)
			FROM performance_schema.events_statements_current WHERE THREAD_ID = %d
			ORDER BY EVENT_ID LIMIT 1`, thread)).Scan(&c.timer, &micros)
		if err != nil {
			return clock{}, fmt.Errorf("read the clock of Performance Schema: %w", err)
		}
		c.unix = micros * 1000
		if i == 0 || c.at(best.timer) < best.unix {
			best = c
		}
	}
	return best, nil
}

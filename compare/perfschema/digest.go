// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Digest is what the server has summed up of the statements of one text without literals in one database.
type Digest struct {
	Database string
	Hash     string // as the server computes it; "": of all texts that there was no room for
	Text     string
	Count    uint64
	Total    time.Duration // of TIMER_WAIT
	LockTime time.Duration
	Errors   uint64
	Warnings uint64
	Affected uint64 // rows
	Sent     uint64
	Examined uint64
	TmpDisk  uint64 // temporary tables on the disk
	NoIndex  uint64
	// Histogram is of MySQL from 8.0. Durations of single statements cannot be told from it but to a bucket.
	Histogram Histogram
}

// sums are the columns of the fields that are sums, in their order.
var sums = []string{
	"COUNT_STAR", "SUM_TIMER_WAIT", "SUM_LOCK_TIME", "SUM_ERRORS", "SUM_WARNINGS", "SUM_ROWS_AFFECTED", "SUM_ROWS_SENT",
	"SUM_ROWS_EXAMINED", "SUM_CREATED_TMP_DISK_TABLES", "SUM_NO_INDEX_USED",
}

// Summary is what the server had summed up at a moment since its start, or since the table was emptied.
type Summary struct {
	At      time.Time // by the server's clock
	digests map[digestKey]*Digest
	all     Histogram
	lost    map[string]uint64
}

type digestKey struct{ database, hash string }

// Table is what came about between two summaries.
type Table struct {
	From, To time.Time
	Digests  []Digest  // the longest in total first
	All      Histogram // of all statements, MySQL from 8.0
	// Other is of all texts that there was no room for, and Lost what else the server says that it had no room
	// for: no method that is compared with it is to be blamed for these.
	Other Digest
	Lost  map[string]uint64
	// Emptied says that the table was emptied in between: what is told came about since.
	Emptied bool
}

// Summary reads events_statements_summary_by_digest and the histograms.
func (w *Watch) Summary(ctx context.Context) (*Summary, error) {
	s := &Summary{digests: make(map[digestKey]*Digest)}
	for _, read := range []func(context.Context, *sql.Conn) error{s.read, s.readHistograms} {
		if err := read(ctx, w.conn); err != nil {
			return nil, fmt.Errorf("read digests: %w", err)
		}
	}
	return s, nil
}

func (s *Summary) read(ctx context.Context, conn *sql.Conn) (err error) {
	var micros int64
	if err := conn.QueryRowContext(ctx, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)").Scan(&micros); err != nil {
		return err
	}
	s.At = time.UnixMicro(micros)
	if s.lost, err = lost(ctx, conn); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, `SELECT COALESCE(SCHEMA_NAME, ''), COALESCE(DIGEST, ''), COALESCE(DIGEST_TEXT, ''), `+
		strings.Join(sums, ", ")+" FROM performance_schema.events_statements_summary_by_digest")
	if err != nil {
		return err
	}
	defer rows.Close()
	var names logfile.Texts
	for rows.Next() {
		d := &Digest{}
		var database, text sql.RawBytes
		var total, locked uint64
		if err := rows.Scan(&database, &d.Hash, &text, &d.Count, &total, &locked, &d.Errors, &d.Warnings, &d.Affected, &d.Sent,
			&d.Examined, &d.TmpDisk, &d.NoIndex); err != nil {
			return err
		}
		d.Database, d.Text = names.Name(database), names.Statement(text, false)
		d.Total, d.LockTime = picoseconds(total), picoseconds(locked)
		s.digests[digestKey{d.Database, d.Hash}] = d
	}
	return rows.Err()
}

// Since is what came about since an earlier summary.
func (s *Summary) Since(before *Summary) *Table {
	t := &Table{From: before.At, To: s.At, Lost: make(map[string]uint64), All: s.all.minus(before.all)}
	for key, now := range s.digests {
		d := *now
		if was := before.digests[key]; was != nil && was.Count <= now.Count {
			d.subtract(was)
		} else if was != nil {
			t.Emptied = true
		}
		switch {
		case d.Count == 0:
		case d.Hash == "":
			t.Other = d
		default:
			t.Digests = append(t.Digests, d)
		}
	}
	for key := range before.digests {
		t.Emptied = t.Emptied || s.digests[key] == nil
	}
	for name, n := range s.lost {
		if d := n - min(n, before.lost[name]); d > 0 {
			t.Lost[name] = d
		}
	}
	slices.SortFunc(t.Digests, func(a, b Digest) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Database, b.Database))
	})
	return t
}

func (d *Digest) subtract(was *Digest) {
	d.Count -= was.Count
	d.Total -= was.Total
	d.LockTime -= was.LockTime
	d.Errors -= was.Errors
	d.Warnings -= was.Warnings
	d.Affected -= was.Affected
	d.Sent -= was.Sent
	d.Examined -= was.Examined
	d.TmpDisk -= was.TmpDisk
	d.NoIndex -= was.NoIndex
	d.Histogram = d.Histogram.minus(was.Histogram)
}

// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// Histogram is how many statements took how long, by bucket, without those that are empty, the shortest first.
type Histogram []Bucket

// Bucket is statements that took at least Low and less than High.
type Bucket struct {
	Low, High time.Duration
	Count     uint64
}

// Count is how many statements there are.
func (h Histogram) Count() (n uint64) {
	for _, b := range h {
		n += b.Count
	}
	return n
}

// Quantile returns the bucket that a share of all statements reaches into; it is empty if there are none.
func (h Histogram) Quantile(share float64) Bucket {
	rest := share * float64(h.Count())
	for _, b := range h {
		if rest -= float64(b.Count); rest <= 0 {
			return b
		}
	}
	return Bucket{}
}

// minus is what was added since an earlier one.
func (h Histogram) minus(before Histogram) Histogram {
	was := make(map[time.Duration]uint64, len(before))
	for _, b := range before {
		was[b.Low] = b.Count
	}
	var all Histogram
	for _, b := range h {
		if b.Count -= min(b.Count, was[b.Low]); b.Count > 0 {
			all = append(all, b)
		}
	}
	return all
}

// readHistograms reads those of MySQL; MariaDB has none.
func (s *Summary) readHistograms(ctx context.Context, conn *sql.Conn) error {
	var tables int
	if err := conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = 'performance_schema' AND TABLE_NAME = 'events_statements_histogram_by_digest'`).Scan(&tables); err != nil || tables == 0 {
		return err
	}
	byDigest := make(map[digestKey]Histogram)
	if err := buckets(ctx, conn, "COALESCE(SCHEMA_NAME, ''), COALESCE(DIGEST, '')", "events_statements_histogram_by_digest", byDigest); err != nil {
		return err
	}
	for key, h := range byDigest {
		if d := s.digests[key]; d != nil {
			d.Histogram = h
		}
	}
	global := make(map[digestKey]Histogram)
	err := buckets(ctx, conn, "'', ''", "events_statements_histogram_global", global)
	s.all = global[digestKey{}]
	return err
}

func buckets(ctx context.Context, conn *sql.Conn, keys, table string, into map[digestKey]Histogram) error {
	rows, err := conn.QueryContext(ctx, "SELECT "+keys+", BUCKET_TIMER_LOW, BUCKET_TIMER_HIGH, COUNT_BUCKET FROM performance_schema."+
		table+" WHERE COUNT_BUCKET > 0")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key digestKey
		var low, high uint64
		var b Bucket
		if err := rows.Scan(&key.database, &key.hash, &low, &high, &b.Count); err != nil {
			return err
		}
		b.Low, b.High = picoseconds(low), picoseconds(high)
		into[key] = append(into[key], b)
	}
	for _, h := range into {
		slices.SortFunc(h, func(x, y Bucket) int { return cmp.Compare(x.Low, y.Low) })
	}
	return rows.Err()
}

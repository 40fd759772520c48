// SPDX-License-Identifier: Apache-2.0

//go:build integration

package logs

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// shapes are the statements of the file that is generated: %d is a number and %s a string.
var shapes = []string{
	"SELECT c FROM sbtest1 WHERE id=%d",
	"SELECT DISTINCT c FROM sbtest2 WHERE id BETWEEN %d AND %d ORDER BY c",
	"SELECT SUM(k) FROM sbtest3 WHERE id BETWEEN %d AND %d",
	"UPDATE sbtest4 SET k=k+1 WHERE id=%d",
	"UPDATE sbtest5 SET c='%s' WHERE id=%d",
	"DELETE FROM sbtest6 WHERE id=%d",
	"INSERT INTO sbtest7 (id, k, c, pad) VALUES (%d, %d, '%s', '%s')",
	"INSERT INTO events (at, who, what) VALUES (%d, '%s', '%s'), (%d, '%s', '%s'), (%d, '%s', '%s')",
	"SELECT * FROM orders WHERE state IN (%d, %d, %d, %d, %d) AND owner = '%s'",
	"select o.id, o.total, c.name from orders o join customers c on c.id = o.customer where c.mail = '%s' and o.total > %d limit %d",
	"SELECT a.title,\n       b.name,\n       count(*)\nFROM articles a\n  LEFT JOIN blogs b ON b.id = a.blog\nWHERE a.seen > %d\n  AND b.name LIKE '%s'\nGROUP BY a.title, b.name\nLIMIT %d",
	"SELECT GET_LOCK('%s', %d)",
	"REPLACE INTO sessions SET token='%s', data='%s', seen=%d",
	"SELECT id FROM users WHERE (name = '%s' OR mail = '%s') AND active = %d",
	"BEGIN",
	"COMMIT",
	"SET autocommit=%d",
	"SELECT COUNT(*) FROM tickets WHERE priority >= %d AND NOT EXISTS (SELECT * FROM answers WHERE answers.ticket = tickets.id AND answers.at > %d)",
}

// total sums up statements.
type total struct {
	count          int
	took, locked   time.Duration
	sent, examined uint64 // rows
}

func (t *total) add(of *total) {
	t.count += of.count
	t.took, t.locked = t.took+of.took, t.locked+of.locked
	t.sent, t.examined = t.sent+of.sent, t.examined+of.examined
}

// generate writes a slow log of about so many bytes, half in the form of MySQL 8 with log_slow_extra
// and half in that of MariaDB, and returns the totals by shape.
func generate(w io.Writer, size int, seed uint64) (totals map[string]*total, written int, err error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	totals = make(map[string]*total)
	out := bufio.NewWriterSize(w, 1<<20)
	at := time.Date(2026, 11, 26, 2, 0, 0, 0, time.UTC)
	for written < size {
		shape := shapes[min(rng.IntN(len(shapes)), rng.IntN(len(shapes)+8))]
		one := total{
			1, time.Duration(50+rng.ExpFloat64()*2000) * time.Microsecond, time.Duration(rng.IntN(100)) * time.Microsecond,
			uint64(rng.IntN(100)), uint64(rng.IntN(1000)),
		}
		at = at.Add(time.Duration(rng.IntN(300)) * time.Microsecond)
		write := writeMySQL
		if written > size/2 {
			write = writeMariaDB
		}
		n, err := write(out, at, &one, 8+rng.IntN(64), fill(rng, shape))
		if err != nil {
			return nil, 0, err
		}
		written += n
		if totals[shape] == nil {
			totals[shape] = &total{}
		}
		totals[shape].add(&one)
	}
	return totals, written, out.Flush()
}

func fill(rng *rand.Rand, shape string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(shape, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if after[0] == 'd' {
			fmt.Fprint(&b, rng.IntN(1e6))
		} else {
			for range 4 + rng.IntN(60) {
				b.WriteByte("abcdefghijklmnopqrstuvwxyz 0123456789-@."[rng.IntN(40)])
			}
		}
		shape = after[1:]
	}
}

func writeMySQL(w io.Writer, at time.Time, of *total, id int, text string) (int, error) {
	const stamp = "2006-01-02T15:04:05.000000Z"
	return fmt.Fprintf(w, "# Time: %s\n# User@Host: app[app] @ localhost [127.0.0.1]  Id: %5d\n"+
		"# Query_time: %.6f  Lock_time: %.6f Rows_sent: %d  Rows_examined: %d Thread_id: %d Errno: 0 Killed: 0 "+
		"Bytes_received: 0 Bytes_sent: 92 Read_first: 0 Read_last: 0 Read_key: 1 Read_next: 0 Read_prev: 0 Read_rnd: 0 "+
		"Read_rnd_next: 0 Sort_merge_passes: 0 Sort_range_count: 0 Sort_rows: 0 Sort_scan_count: 0 "+
		"Created_tmp_disk_tables: 0 Created_tmp_tables: 0 Start: %s End: %s\nSET timestamp=%d;\n%s;\n",
		at.Format(stamp), id, of.took.Seconds(), of.locked.Seconds(), of.sent, of.examined, id, at.Add(-of.took).Format(stamp),
		at.Format(stamp), at.Add(-of.took).Unix(), text)
}

func writeMariaDB(w io.Writer, at time.Time, of *total, id int, text string) (int, error) {
	return fmt.Fprintf(w, "# User@Host: app[app] @ localhost [127.0.0.1]\n# Thread_id: %d  Schema: shop  QC_hit: No\n"+
		"# Query_time: %.6f  Lock_time: %.6f  Rows_sent: %d  Rows_examined: %d\n# Rows_affected: 0  Bytes_sent: 85\n"+
		"# Full_scan: Yes  Full_join: No  Tmp_table: No  Tmp_table_on_disk: No\n"+
		"# Filesort: No  Filesort_on_disk: No  Merge_passes: 0  Priority_queue: No\nSET timestamp=%d;\n%s;\n",
		id, of.took.Seconds(), of.locked.Seconds(), of.sent, of.examined, at.Add(-of.took).Unix(), text)
}

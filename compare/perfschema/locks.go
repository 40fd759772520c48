// SPDX-License-Identifier: Apache-2.0

package perfschema

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/compare/logfile"
	"github.com/spanbridge/spanbridge/compare/settings"
)

// The kinds of locks that are waited for.
const (
	RowLock      = "row"      // of InnoDB
	TableLock    = "table"    // of InnoDB
	MetadataLock = "metadata" // of the server
)

// LockWait is a connection that waits for a lock of another one. Values of rows are not read.
type LockWait struct {
	Kind              string
	Waiting, Blocking uint64 // connections; Blocking is 0 if none has the lock, as of a transaction that was prepared
	Object            string // schema.table, or what else is locked
	Index             string // of a row
	Mode, Held        string // what is asked for, and what the other one has or asked for earlier
	Since             time.Time
}

// LockWaits tells who waits for whom at the moment. Of a metadata lock, Since is when its statement began. Those are
// seen only if the instrument of metadata locks is on: see [SetupLocks]. It waits a moment if it has been called less than that
// before.
func (w *Watch) LockWaits(ctx context.Context) ([]LockWait, error) {
	defer func() { w.locksRead = time.Now() }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(innodbKeeps - time.Since(w.locksRead)):
	}
	rows := ofInnoDB
	if w.mariadb {
		rows = ofMariaDBsInnoDB
	}
	waits, err := w.lockWaits(ctx, rows, func(*LockWait) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("read locks of InnoDB: %w", err)
	}
	metadata, err := w.lockWaits(ctx, ofMetadata, func(l *LockWait) bool {
		held, granted := strings.CutPrefix(l.Held, "GRANTED ")
		if !granted {
			held = strings.TrimPrefix(l.Held, "PENDING ")
		}
		l.Mode, l.Held = strings.TrimPrefix(l.Mode, "MDL_"), strings.TrimPrefix(held, "MDL_")
		if granted {
			return conflicts(l.Mode, l.Held)
		}
		return slices.Contains(waitsBehind[l.Mode], l.Held)
	})
	if err != nil {
		return nil, fmt.Errorf("read metadata locks: %w", err)
	}
	return append(waits, metadata...), nil
}

// innodbKeeps is for how long after a reading InnoDB tells the same of transactions and locks again
// (CACHE_MIN_IDLE_TIME of storage/innobase/trx/trx0i_s.cc, 0.1 s): who reads more often sees nothing new.
const innodbKeeps = 120 * time.Millisecond

const ofInnoDB = `SELECT IF(l.LOCK_TYPE = 'RECORD', 'row', 'table'), r.trx_mysql_thread_id, b.trx_mysql_thread_id,
		l.OBJECT_SCHEMA, l.OBJECT_NAME, l.INDEX_NAME, l.LOCK_MODE, h.LOCK_MODE, UNIX_TIMESTAMP(r.trx_wait_started)
	FROM performance_schema.data_lock_waits w
	JOIN performance_schema.data_locks l ON l.ENGINE_LOCK_ID = w.REQUESTING_ENGINE_LOCK_ID AND l.ENGINE = w.ENGINE
	JOIN performance_schema.data_locks h ON h.ENGINE_LOCK_ID = w.BLOCKING_ENGINE_LOCK_ID AND h.ENGINE = w.ENGINE
	JOIN information_schema.INNODB_TRX r ON r.trx_id = w.REQUESTING_ENGINE_TRANSACTION_ID
	JOIN information_schema.INNODB_TRX b ON b.trx_id = w.BLOCKING_ENGINE_TRANSACTION_ID`

const ofMariaDBsInnoDB = `SELECT IF(l.lock_type = 'RECORD', 'row', 'table'), r.trx_mysql_thread_id, b.trx_mysql_thread_id,
		NULL, REPLACE(l.lock_table, CHAR(96), ''), l.lock_index, l.lock_mode, h.lock_mode, UNIX_TIMESTAMP(r.trx_wait_started)
	FROM information_schema.INNODB_LOCK_WAITS w
	JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id
	JOIN information_schema.INNODB_LOCKS h ON h.lock_id = w.blocking_lock_id
	JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
	JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id`

const ofMetadata = `SELECT DISTINCT 'metadata', pt.PROCESSLIST_ID, gt.PROCESSLIST_ID, p.OBJECT_SCHEMA, COALESCE(p.OBJECT_NAME, p.OBJECT_TYPE), NULL,
		p.LOCK_TYPE, CONCAT(g.LOCK_STATUS, ' ', g.LOCK_TYPE), UNIX_TIMESTAMP() - pt.PROCESSLIST_TIME
	FROM performance_schema.metadata_locks p
	JOIN performance_schema.metadata_locks g ON g.OBJECT_TYPE = p.OBJECT_TYPE AND g.OBJECT_SCHEMA <=> p.OBJECT_SCHEMA
		AND g.OBJECT_NAME <=> p.OBJECT_NAME AND g.OWNER_THREAD_ID <> p.OWNER_THREAD_ID AND g.LOCK_STATUS IN ('GRANTED', 'PENDING')
	JOIN performance_schema.threads pt ON pt.THREAD_ID = p.OWNER_THREAD_ID
	JOIN performance_schema.threads gt ON gt.THREAD_ID = g.OWNER_THREAD_ID
	WHERE p.LOCK_STATUS = 'PENDING'`

func (w *Watch) lockWaits(ctx context.Context, query string, counts func(*LockWait) bool) (all []LockWait, err error) {
	rows, err := w.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names logfile.Texts
	for rows.Next() {
		var l LockWait
		var blocking, since sql.Null[uint64]
		var schema, name, index sql.RawBytes
		if err := rows.Scan(&l.Kind, &l.Waiting, &blocking, &schema, &name, &index, &l.Mode, &l.Held, &since); err != nil {
			return nil, err
		}
		l.Blocking = blocking.V
		l.Object, l.Index = names.Name(name), names.Name(index)
		if len(schema) > 0 {
			l.Object = names.Name(schema) + "." + l.Object
		}
		if since.Valid {
			l.Since = time.Unix(int64(since.V), 0)
		}
		if counts(&l) {
			all = append(all, l)
		}
	}
	return all, rows.Err()
}

// SetupLocks switches on, for the time of a session of settings, what tells of metadata locks. It tells of those that are
// asked for from then on.
func SetupLocks(ctx context.Context, s *settings.Session) error {
	return s.Set(ctx, settings.Instrument, "wait/lock/metadata/sql/mdl", "YES")
}

// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// What Mixed works on. The comment says whose it is: only that is ever dropped.
const (
	table     = "spanbridge_load"
	procedure = "spanbridge_load_visit"
	ours      = "made by spanbridge for a load"

	firstRows = 400   // that all clients read
	hotRow    = 1     // that all clients change
	ownRows   = 1_000 // from which on clients have rows of their own
)

// makeSchema makes the table and the procedure anew.
func makeSchema(ctx context.Context, db *sql.DB) error {
	if err := dropSchema(ctx, db); err != nil {
		return err
	}
	for _, q := range []string{
		"CREATE TABLE " + table + ` (
			id INT PRIMARY KEY, owner INT NOT NULL, n INT NOT NULL, label VARCHAR(100) NOT NULL, note TEXT, KEY (owner)
		) ENGINE=InnoDB COMMENT='` + ours + "'",
		"INSERT INTO " + table + " VALUES " + firstValues(),
		"CREATE PROCEDURE " + procedure + "(row_id INT) COMMENT '" + ours + `'
		BEGIN
			UPDATE ` + table + ` SET n = n + 1 WHERE id = row_id;
			SELECT id, n FROM ` + table + ` WHERE id = row_id;
		END`,
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("make what to work on: %w", err)
		}
	}
	return nil
}

func firstValues() string {
	var b strings.Builder
	for id := range firstRows {
		fmt.Fprintf(&b, "(%d, %d, 0, 'label %d', NULL),", id+1, id%10, id+1)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// dropSchema drops what was made before, and refuses to drop anything else of that name.
func dropSchema(ctx context.Context, db *sql.DB) error {
	for _, of := range []struct{ what, name, query string }{
		{"TABLE", table, "SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?"},
		{"PROCEDURE", procedure, "SELECT ROUTINE_COMMENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME = ?"},
	} {
		var comment string
		err := db.QueryRowContext(ctx, of.query, of.name).Scan(&comment)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil && comment != ours {
			err = fmt.Errorf("there is one of that name already, which spanbridge did not make")
		}
		if err == nil {
			_, err = db.ExecContext(ctx, "DROP "+of.what+" "+of.name)
		}
		if err != nil {
			return fmt.Errorf("drop %s %s: %w", strings.ToLower(of.what), of.name, err)
		}
	}
	return nil
}

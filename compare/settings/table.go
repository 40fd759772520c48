// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// table is a column of a table of Performance Schema that has YES or NO by NAME.
type table struct{ kind, name, column string }

func (t table) plan(ctx context.Context, conn *sql.Conn, name, value string) (changes []Change, err error) {
	if value != "YES" && value != "NO" {
		return nil, errors.New("it can be YES and NO only")
	}
	like := strings.NewReplacer("|", "||", "_", "|_").Replace(name)
	have, err := Pairs(ctx, conn, "SELECT NAME, "+t.column+" FROM performance_schema."+t.name+
		" WHERE NAME LIKE ? ESCAPE '|' AND "+t.column+" IS NOT NULL", like)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, fmt.Errorf("performance_schema.%s has none of that name: is performance_schema ON?", t.name)
	}
	for name, was := range have {
		if was != value {
			changes = append(changes, Change{t.kind, name, was, value})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes, nil
}

func (t table) read(ctx context.Context, conn *sql.Conn, _ []Change) (map[string]string, error) {
	return Pairs(ctx, conn, "SELECT NAME, "+t.column+" FROM performance_schema."+t.name+" WHERE "+t.column+" IS NOT NULL")
}

// mostNames is how many are changed by a statement.
const mostNames = 256

func (t table) write(ctx context.Context, conn *sql.Conn, names []string, from, to string) error {
	for some := range slices.Chunk(names, mostNames) {
		args := []any{to, from}
		for _, name := range some {
			args = append(args, name)
		}
		_, err := conn.ExecContext(ctx, "UPDATE performance_schema."+t.name+" SET "+t.column+" = ? WHERE "+t.column+
			" = ? AND NAME IN (?"+strings.Repeat(",?", len(some)-1)+")", args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// verify allows that of what a pattern names some cannot be changed: the server keeps some
// instruments as they are, without a word.
func (t table) verify(changes []Change, now map[string]string) error {
	for _, c := range changes {
		if now[c.Name] == c.Now {
			return nil
		}
	}
	return errors.New("the server does not let it be changed")
}

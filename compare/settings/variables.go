// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// variables are the server's global variables.
type variables struct{}

// variableName is what may stand in a statement as it is. Those of components have a dot.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

func (variables) plan(ctx context.Context, conn *sql.Conn, name, value string) ([]Change, error) {
	was, _, err := readVariable(ctx, conn, name)
	if err != nil || was == value || sameNumber(was, value) {
		return nil, err
	}
	return []Change{{Variable, name, was, value}}, nil
}

func (variables) read(ctx context.Context, conn *sql.Conn, of []Change) (map[string]string, error) {
	all := make(map[string]string)
	for _, c := range of {
		value, _, err := readVariable(ctx, conn, c.Name)
		if err == nil {
			all[c.Name] = value
			continue
		}
		there, unknown := Pairs(ctx, conn, "SHOW GLOBAL VARIABLES WHERE Variable_name = ?", c.Name)
		if unknown != nil || len(there) > 0 {
			return nil, err
		} // else it went with the component or the plugin that had it
	}
	return all, nil
}

func (variables) write(ctx context.Context, conn *sql.Conn, names []string, _, to string) error {
	for _, name := range names {
		_, numeric, err := readVariable(ctx, conn, name)
		if err != nil {
			return err
		}
		literal := to
		if !numeric || !isNumber(to) {
			literal = quoted(to)
		}
		if _, err := conn.ExecContext(ctx, "SET GLOBAL "+name+" = "+literal); err != nil {
			return err
		}
	}
	return nil
}

// quoted makes a literal for the session's sql_mode and character set. A placeholder would have the statement
// prepared, which MySQL 9.7 answers with a packet that is none if the privilege is missing.
func quoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

func (variables) verify(changes []Change, now map[string]string) error {
	for _, c := range changes {
		if got := now[c.Name]; !sameValue(got, c.Now) {
			return fmt.Errorf("the server makes %q of it", got)
		}
	}
	return nil
}

// readVariable reads a variable, and whether it is a number.
func readVariable(ctx context.Context, conn *sql.Conn, name string) (value string, numeric bool, err error) {
	if !variableName.MatchString(name) {
		return "", false, fmt.Errorf("%q is no name of a variable", name)
	}
	rows, err := conn.QueryContext(ctx, "SELECT @@GLOBAL."+name)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return "", false, err
	}
	var got sql.NullString
	if !rows.Next() {
		return "", false, errors.Join(errors.New("the server tells nothing"), rows.Err())
	}
	if err := rows.Scan(&got); err != nil {
		return "", false, err
	}
	if !got.Valid {
		return "", false, errors.New("it is NULL, which cannot be put back")
	}
	of := types[0].DatabaseTypeName()
	numeric = strings.HasSuffix(of, "INT") || of == "DOUBLE" || of == "FLOAT" || of == "DECIMAL"
	return got.String, numeric, errors.Join(rows.Err(), rows.Close())
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresqlClient uses the connection below pgx, which would prepare by itself.
type postgresqlClient struct{ conn *pgconn.PgConn }

// preparedName is that of the client's prepared statement.
const preparedName = "suite"

func dialPostgreSQL(ctx context.Context, dsn string) (client, error) {
	conn, err := pgconn.Connect(ctx, dsn)
	return &postgresqlClient{conn}, err
}

func (c *postgresqlClient) id() int64 { return int64(c.conn.PID()) }

func (c *postgresqlClient) text(ctx context.Context, sql, _ string) ([]result, error) {
	reader := c.conn.Exec(ctx, sql)
	var all []result
	for reader.NextResult() {
		one, err := readResult(reader.ResultReader())
		if err != nil {
			break // Close tells it
		}
		all = append(all, one)
	}
	return all, reader.Close()
}

// readResult reads the rows of one statement. A tag such as "SELECT 3" tells
// rows that were affected only where something was written.
func readResult(r *pgconn.ResultReader) (result, error) {
	var one result
	for r.NextRow() {
		one.rows++
	}
	tag, err := r.Close()
	if one.affected = tag.RowsAffected(); tag.Select() {
		one.affected = 0
	}
	return one, err
}

func (c *postgresqlClient) data(ctx context.Context, sql, data string) ([]result, error) {
	tag, err := c.conn.CopyFrom(ctx, strings.NewReader(data), sql)
	if err != nil {
		return nil, err
	}
	return []result{{affected: tag.RowsAffected()}}, nil
}

func (c *postgresqlClient) prepare(ctx context.Context, sql string) error {
	_, err := c.conn.Prepare(ctx, preparedName, sql, nil)
	return err
}

func (c *postgresqlClient) execute(ctx context.Context, args []string) ([]result, error) {
	return single(readResult(c.conn.ExecPrepared(ctx, preparedName, values(args), nil, nil)))
}

func (c *postgresqlClient) unprepare(ctx context.Context) error {
	return c.conn.Deallocate(ctx, preparedName)
}

func (c *postgresqlClient) unnamed(ctx context.Context, sql string, args []string) ([]result, error) {
	return single(readResult(c.conn.ExecParams(ctx, sql, values(args), nil, nil, nil)))
}

// single is the list of one result.
func single(one result, err error) ([]result, error) {
	if err != nil {
		return nil, err
	}
	return []result{one}, nil
}

func values(args []string) [][]byte {
	list := make([][]byte, len(args))
	for i, arg := range args {
		list[i] = []byte(arg)
	}
	return list
}

// settle has nothing to do: the server says that it is ready after all else.
func (c *postgresqlClient) settle(context.Context) error { return nil }

func (c *postgresqlClient) failure(err error) *failure {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	return &failure{sqlstate: e.Code, message: e.Message}
}

func (c *postgresqlClient) close() { c.conn.Close(context.Background()) }

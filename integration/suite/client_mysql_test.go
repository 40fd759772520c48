// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlClient uses the driver below database/sql, which would prepare what has
// arguments. MariaDB's clients are the same.
type mysqlClient struct {
	conn     driver.Conn
	link     *attributeConn
	number   int64
	prepared driver.Stmt
	reads    bool // prepared gives rows
}

func dialMySQL(ctx context.Context, dsn string, attributes bool) (client, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.MultiStatements = true
	c := &mysqlClient{}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c.link = &attributeConn{Conn: conn, greeted: !attributes}
		return c.link, nil
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	if c.conn, err = connector.Connect(ctx); err != nil {
		return nil, err
	}
	err = c.query(ctx, "SELECT CONNECTION_ID()", func(row []driver.Value) { c.number = asInt(row[0]) })
	return c, err
}

func (c *mysqlClient) id() int64 { return c.number }

// givesRows reports whether the driver has to be asked for rows: it tells of a
// statement either its rows or how many it affected.
func givesRows(sql string) bool {
	return regexp.MustCompile(`(?i)^\s*(SELECT|SHOW|EXPLAIN|WITH|CALL|EXECUTE|ANALYZE|SET STATEMENT)\b`).MatchString(sql) ||
		strings.Contains(sql, " RETURNING ")
}

func (c *mysqlClient) text(ctx context.Context, sql, attribute string) ([]result, error) {
	c.link.traceparent = attribute
	defer func() { c.link.traceparent = "" }()
	if givesRows(sql) {
		rows, err := c.conn.(driver.QueryerContext).QueryContext(ctx, sql, nil)
		if err != nil {
			return nil, err
		}
		return readRows(rows, nil)
	}
	done, err := c.conn.(driver.ExecerContext).ExecContext(ctx, sql, nil)
	return affected(done, err)
}

// query hands every row to a function.
func (c *mysqlClient) query(ctx context.Context, sql string, each func([]driver.Value)) error {
	rows, err := c.conn.(driver.QueryerContext).QueryContext(ctx, sql, nil)
	if err != nil {
		return err
	}
	_, err = readRows(rows, each)
	return err
}

// readRows reads all results of a packet.
func readRows(rows driver.Rows, each func([]driver.Value)) ([]result, error) {
	defer rows.Close()
	var all []result
	for {
		row := make([]driver.Value, len(rows.Columns()))
		one := result{affected: -1}
		for {
			err := rows.Next(row)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return all, err
			}
			one.rows++
			if each != nil {
				each(row)
			}
		}
		all = append(all, one)
		next, ok := rows.(driver.RowsNextResultSet)
		if !ok || !next.HasNextResultSet() {
			return all, nil
		}
		if err := next.NextResultSet(); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

func affected(done driver.Result, err error) ([]result, error) {
	if err != nil {
		return nil, err
	}
	n, err := done.RowsAffected()
	return []result{{affected: n}}, err
}

func (c *mysqlClient) data(ctx context.Context, sql, data string) ([]result, error) {
	mysql.RegisterReaderHandler("suite", func() io.Reader { return strings.NewReader(data) })
	defer mysql.DeregisterReaderHandler("suite")
	return c.text(ctx, sql, "")
}

func (c *mysqlClient) prepare(ctx context.Context, sql string) (err error) {
	c.reads = givesRows(sql)
	c.prepared, err = c.conn.(driver.ConnPrepareContext).PrepareContext(ctx, sql)
	return err
}

func (c *mysqlClient) execute(ctx context.Context, args []string) ([]result, error) {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	if !c.reads {
		done, err := c.prepared.(driver.StmtExecContext).ExecContext(ctx, values)
		return affected(done, err)
	}
	rows, err := c.prepared.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		return nil, err
	}
	return readRows(rows, nil)
}

func (c *mysqlClient) unprepare(context.Context) error { return c.prepared.Close() }

func (c *mysqlClient) unnamed(context.Context, string, []string) ([]result, error) {
	return nil, errors.New("the protocol has no unnamed statements")
}

// settle pings: the server answers a statement before it cleans up, and a ping
// after that. A ping is no statement.
func (c *mysqlClient) settle(ctx context.Context) error {
	return c.conn.(driver.Pinger).Ping(ctx)
}

func (c *mysqlClient) failure(err error) *failure {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return nil
	}
	return &failure{number: int(e.Number), sqlstate: string(e.SQLState[:]), message: e.Message}
}

func (c *mysqlClient) close() { c.conn.Close() }

func asInt(v driver.Value) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	case []byte:
		var n int64
		for _, digit := range v {
			n = n*10 + int64(digit-'0')
		}
		return n
	}
	return 0
}

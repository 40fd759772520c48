// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/compare"
)

// ownConnections are those of the comparison itself, which are left out of what is compared. It
// connects, and asks each connection for its number.
type ownConnections struct {
	driver.Connector
	config *mysql.Config

	mu   sync.Mutex
	ids  map[uint64]bool
	last net.Conn // the other end is a server's
}

func newOwnConnections(dsn string) (*ownConnections, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	own := &ownConnections{config: config, ids: make(map[uint64]bool)}
	config.DialFunc = own.dial
	config.Timeout = connectTime
	config.ConnectionAttributes = "program_name:spanbridge compare"
	own.Connector, err = mysql.NewConnector(config)
	return own, err
}

// dial remembers a connection, for what it tells of the server's process.
func (o *ownConnections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = conn
	return conn, err
}

// Connect implements [driver.Connector].
func (o *ownConnections) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := o.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	id, err := connectionID(ctx, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids[id] = true
	return conn, nil
}

func connectionID(ctx context.Context, conn driver.Conn) (uint64, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "SELECT CONNECTION_ID()", nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	values := make([]driver.Value, 1)
	if err := rows.Next(values); err != nil {
		return 0, err
	}
	for err == nil {
		err = rows.Next(make([]driver.Value, 1))
	}
	if !errors.Is(err, io.EOF) {
		return 0, err
	}
	var id sql.Null[uint64]
	if err := id.Scan(values[0]); err != nil || !id.Valid {
		return 0, fmt.Errorf("the server numbers a connection %v: %w", values[0], err)
	}
	return id.V, nil
}

// numbers are those of the connections until now.
func (o *ownConnections) numbers() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Keys(o.ids))
}

// without leaves the statements of these connections out of a listing.
func (o *ownConnections) without(l *compare.Listing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	keep(l, func(id uint64) bool { return !o.ids[id] })
}

// keep keeps the statements and the losses of some connections, and returns how many it left out that count.
func keep(l *compare.Listing, wanted func(uint64) bool) (left int) {
	kept := l.Statements[:0]
	for _, s := range l.Statements {
		if wanted(s.Connection) {
			kept = append(kept, s)
		} else if s.Kind.Counts() {
			left++
		}
	}
	l.Statements = kept
	return left
}

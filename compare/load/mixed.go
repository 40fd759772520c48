// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/compare"
)

// Mixed is statements of many kinds on several connections: of the text and the binary
// protocol, several in a packet, in transactions, in a procedure, that wait for each
// other, that sleep, and that fail.
type Mixed struct {
	spec        string
	statements  int // of a run, 0: as many as there is time for
	connections int
	seed        int
	server      *mysql.Config
	db          *sql.DB
	made        bool

	keep    int // so many statements in the journal, 0: there is none
	journal journal
}

// patience is how long statements may go on when the load is to stop.
const patience = 5 * time.Second

func newMixed(spec, options string, server *mysql.Config) (*Mixed, error) {
	m := &Mixed{spec: spec, connections: 4, seed: 1, server: server}
	err := readOptions(spec, options, map[string]option{
		"statements": {&m.statements, 1, 100_000_000}, "connections": {&m.connections, 1, 1000}, "seed": {&m.seed, 0, 1 << 30},
	})
	if err != nil {
		return nil, err
	}
	if server.DBName == "" {
		return nil, fmt.Errorf("load %s: the dsn names no database in which to work: end it with /NAME", spec)
	}
	return m, nil
}

// Keep makes the load keep a journal, and stop after so many statements of all its runs; 0: it keeps no
// more of them.
func (m *Mixed) Keep(most int) { m.keep = most }

// Journal is what was kept, once Run has returned.
func (m *Mixed) Journal() compare.Account { return &m.journal }

// Name implements [Load].
func (m *Mixed) Name() string { return m.spec }

// Run implements [Load].
func (m *Mixed) Run(ctx context.Context, d time.Duration) (Stats, error) {
	if err := m.prepare(ctx); err != nil {
		return Stats{}, fmt.Errorf("load %s: %w", m.spec, err)
	}
	statements, stop := lasting(ctx, patience)
	defer stop()
	clients, err := m.connect(statements)
	if err != nil {
		return Stats{}, fmt.Errorf("load %s: %w", m.spec, err)
	}
	until, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	var working sync.WaitGroup
	for _, c := range clients {
		working.Go(func() { c.work(until) })
	}
	working.Wait()
	return m.sum(clients, time.Since(began))
}

// lasting is a context that ends some time after another one.
func lasting(ctx context.Context, longer time.Duration) (context.Context, func()) {
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(longer, cancel) })
	return after, func() { stop(); cancel() }
}

func (m *Mixed) prepare(ctx context.Context) error {
	if m.db == nil {
		connector, err := mysql.NewConnector(clientConfig(m.server))
		if err != nil {
			return err
		}
		m.db = sql.OpenDB(connector)
		m.db.SetMaxIdleConns(-1) // a connection is used once, by one client
	}
	if m.made {
		return nil
	}
	if err := makeSchema(ctx, m.db); err != nil {
		return err
	}
	m.made = true
	return nil
}

// clientConfig has of a dsn how to connect, and nothing that makes the driver send statements of
// its own.
func clientConfig(dsn *mysql.Config) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = dsn.Net, dsn.Addr, dsn.User, dsn.Passwd, dsn.DBName
	c.TLSConfig, c.TLS, c.ServerPubKey, c.Timeout = dsn.TLSConfig, dsn.TLS, dsn.ServerPubKey, dsn.Timeout
	c.AllowCleartextPasswords, c.AllowNativePasswords, c.AllowOldPasswords = dsn.AllowCleartextPasswords, dsn.AllowNativePasswords, dsn.AllowOldPasswords
	c.AllowFallbackToPlaintext, c.MultiStatements = dsn.AllowFallbackToPlaintext, true
	c.ConnectionAttributes = "program_name:spanbridge load"
	return c
}

func (m *Mixed) connect(ctx context.Context) ([]*client, error) {
	limit := 0
	if m.statements > 0 {
		limit = m.journal.numbers + m.statements
	}
	if m.keep > 0 && (limit == 0 || limit > m.keep) {
		limit = m.keep
	}
	numbers := &atomic.Int64{}
	numbers.Store(int64(m.journal.numbers))
	var clients []*client
	for i := range m.connections {
		c, err := newClient(ctx, m, i, numbers, limit)
		if err != nil {
			for _, c := range clients {
				c.close()
			}
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// sum closes the clients, and adds up what they did.
func (m *Mixed) sum(clients []*client, took time.Duration) (Stats, error) {
	var all durations
	var errs []error
	s := Stats{Seconds: took.Seconds(), Unit: "statement"}
	for _, c := range clients {
		c.close()
		s.Statements, s.Errors = s.Statements+c.done, s.Errors+c.failed
		all.join(&c.durations)
		m.journal.take(c)
		if c.err != nil {
			errs = append(errs, c.err)
		}
	}
	s.P50, s.P99 = all.quantile(0.5), all.quantile(0.99)
	if len(errs) < len(clients) {
		return s, nil // the journal tells of those that lost their connection
	}
	return s, fmt.Errorf("load %s: %w", m.spec, errors.Join(errs...))
}

// Close implements [Load].
func (m *Mixed) Close() error {
	if m.db == nil {
		return nil
	}
	var err error
	if m.made {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = dropSchema(ctx, m.db)
	}
	return errors.Join(err, m.db.Close())
}

// SPDX-License-Identifier: Apache-2.0

// Package shop is a small application with tracing, as people write them: a
// request, a few statements through database/sql, spans by otelsql, and the
// trace context in a comment of every statement. It knows nothing of
// spanbridge.
package shop

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/XSAM/otelsql"
	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Shop serves requests from a database. Close it after use.
type Shop struct {
	db     *sql.DB
	tracer trace.Tracer
}

// Open connects to a MySQL or MariaDB database. Arguments are put into the
// statements by the driver: otherwise each would be prepared first, and the
// trace context in its comment would be that of the preparation.
func Open(ctx context.Context, dsn string, provider trace.TracerProvider) (*Shop, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read DSN: %w", err)
	}
	cfg.InterpolateParams = true
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("use DSN: %w", err)
	}
	// otelsql writes comments with the global propagator.
	otel.SetTextMapPropagator(propagation.TraceContext{})
	db := otelsql.OpenDB(connector,
		otelsql.WithTracerProvider(provider),
		otelsql.WithSQLCommenter(true),
		otelsql.WithSpanOptions(otelsql.SpanOptions{OmitConnResetSession: true, OmitConnectorConnect: true, OmitRows: true}),
	)
	db.SetMaxOpenConns(4)
	s := &Shop{db: db, tracer: provider.Tracer("shop")}
	if err := s.fill(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("fill shop: %w", err)
	}
	return s, nil
}

// Close closes the connections.
func (s *Shop) Close() error { return s.db.Close() }

func (s *Shop) fill(ctx context.Context) error {
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS products (id INT PRIMARY KEY, name VARCHAR(40), stock INT)",
		"CREATE TABLE IF NOT EXISTS orders (id INT AUTO_INCREMENT PRIMARY KEY, product INT, customer VARCHAR(40))",
		"REPLACE INTO products VALUES (1, 'tea', 100), (2, 'cup', 100), (3, 'pot', 100)",
	} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Checkout is one request: look a product up, take it from the stock, write
// the order, and make the customer wait for the credit card.
func (s *Shop) Checkout(ctx context.Context, customer string, product int) error {
	ctx, span := s.tracer.Start(ctx, "POST /checkout", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	var name string
	row := s.db.QueryRowContext(ctx, "SELECT name FROM products WHERE id = ?", product)
	if err := row.Scan(&name); err != nil {
		return fmt.Errorf("find product %d: %w", product, err)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE products SET stock = stock - 1 WHERE id = ?", product); err != nil {
		return fmt.Errorf("take %s from stock: %w", name, err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (product, customer) VALUES (?, ?)", product, customer); err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DO SLEEP(0.02)"); err != nil {
		return fmt.Errorf("charge card: %w", err)
	}
	return tx.Commit()
}

// Report asks for a column that does not exist, as a release that came too
// early does.
func (s *Shop) Report(ctx context.Context) error {
	ctx, span := s.tracer.Start(ctx, "GET /report", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	rows, err := s.db.QueryContext(ctx, "SELECT total FROM orders")
	if err != nil {
		return err
	}
	defer rows.Close()
	return rows.Err()
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// starters start the servers that expected.yaml names.
var starters = map[string]func(context.Context, ...servers.Option) (*servers.Server, error){
	"mysql 5.6":               servers.MySQL56,
	"mysql 5.6 stripped":      servers.StrippedMySQL56,
	"mysql 9.7":               servers.MySQL,
	"mariadb 10.5":            servers.MariaDB105,
	"mariadb 10.11":           servers.StockMariaDB,
	"mariadb 10.11 plugin":    startWithPlugin,
	"mariadb 10.11 own build": servers.DTraceMariaDB,
	"mariadb 11.8":            servers.MariaDB118,
	"postgresql 13":           servers.PostgreSQL13,
	"postgresql 15":           servers.PostgreSQL,
	"postgresql 17":           servers.PostgreSQL17,
	"postgresql 18":           servers.PostgreSQL18,
}

func startWithPlugin(ctx context.Context, options ...servers.Option) (*servers.Server, error) {
	path, err := filepath.Abs("../../build/spanbridge_usdt.so")
	if err != nil {
		return nil, err
	}
	return servers.StockMariaDB(ctx, append(options, servers.WithPlugin(path))...)
}

// options make a server able to run the suite and to tell the truth.
var options = map[string][]string{
	mysqlDialect: {"--local-infile=1", "--skip-name-resolve"},
	mysql56Dialect: {
		"--local-infile=1", "--skip-name-resolve", "--log-bin=suite", "--server-id=1",
		"--sql-mode=STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
		"--performance-schema-events-statements-history-long-size=2000",
	},
	mariadbDialect: {
		"--local-infile=1", "--skip-name-resolve", "--log-bin=suite", "--performance-schema=ON",
		"--performance-schema-events-statements-history-long-size=2000",
	},
	// The one that waits first is to find the deadlock, so the other has to wait by then.
	postgresqlDialect: {"-c", "deadlock_timeout=800ms"},
}

// open starts the server of a tier, with what the suite needs in it.
func open(t *testing.T, tier *tier, setup []string) (*scene, map[string]client, client) {
	t.Helper()
	start := starters[tier.Server]
	if start == nil {
		t.Fatalf("expected.yaml names a server %q", tier.Server)
	}
	server, err := start(t.Context(), servers.WithArgs(options[tier.Dialect]...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	sc := &scene{tier: tier, server: server, dialect: sqltext.MySQL}
	clients := map[string]client{"a": dial(t, server, false), "b": dial(t, server, false), "q": dial(t, server, true)}
	observer := dial(t, server, false)
	setUp(t, observer, setup)
	if c, ok := observer.(*mysqlClient); ok {
		err := c.query(t.Context(), "SELECT VERSION()", func(row []driver.Value) { sc.version = asText(row[0]) })
		if err != nil {
			t.Fatal(err)
		}
		keepAccounts(t, observer)
		return sc, clients, observer
	}
	sc.dialect = sqltext.PostgreSQL
	sc.version = observer.(*postgresqlClient).conn.ParameterStatus("server_version")
	return sc, clients, observer
}

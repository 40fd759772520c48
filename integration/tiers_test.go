// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// tier is one way to see the statements of a server, and what it can tell. What
// a tier cannot tell is asserted too: a table of tiers that promises less than
// it delivers is as wrong as one that promises more.
type tier struct {
	name     string // as in the attribute spanbridge.tier and in the profile
	start    func(context.Context, ...servers.Option) (*servers.Server, error)
	server   string // which one, where a tier is tried on several
	identity bool   // connection, user, host and database
	failure  bool   // whether a statement failed
	number   bool   // and with which error number
	prepared bool   // executions of the binary protocol
	nested   bool   // statements of procedures, under the CALL
	details  bool   // SQLSTATE, message and rows; preparations
	symbols  bool   // the symbol file of the server's package is there
}

// title names a tier among all.
func (t tier) title() string { return strings.TrimSpace(t.name + " " + t.server) }

// allTiers are those of probes/catalog/mariadb.yaml.
var allTiers = []tier{
	{name: "usdt", start: servers.DTraceMariaDB, identity: true, failure: true},
	{
		name: "plugin", start: startWithPlugin,
		identity: true, failure: true, number: true, prepared: true, nested: true,
	},
	{
		name: "uprobe", start: servers.StockMariaDB,
		identity: true, failure: true, number: true, prepared: true, nested: true, details: true,
	},
	{
		name: "uprobe", start: servers.MariaDB118, server: "of MariaDB 11.8",
		identity: true, failure: true, number: true, prepared: true, nested: true, details: true, symbols: true,
	},
}

func startWithPlugin(ctx context.Context, options ...servers.Option) (*servers.Server, error) {
	path, err := filepath.Abs("../build/spanbridge_usdt.so")
	if err != nil {
		return nil, err
	}
	return servers.StockMariaDB(ctx, append(options, servers.WithPlugin(path))...)
}

// claim holds for every tier, by what the tier says of itself.
type claim struct {
	name string
	test func(*testing.T, tier, *servers.Server)
}

// timings are claims about durations, which are measured with nothing beside.
var timings = []claim{
	{"durations are those that the client measures", testClientDurations},
	{"a wait for a row lock is as long as it was", testRowLock},
	{"a wait for a metadata lock is as long as it was", testMetadataLock},
}

var claims = []claim{
	{"23 distinct statements give 23 spans that tell them", testDistinctStatements},
	{"a quarter of a second is a quarter of a second", testSleeps},
	{"failures are told as far as the tier knows them", testFailures},
	{"rows sent, examined and affected", testRows},
	{"prepared statements of the binary protocol", testPrepared},
	{"preparations that fail", testFailedPreparations},
	{"several statements in a packet", testMultiStatements},
	{"statements of a procedure", testProcedure},
	{"statements of a procedure that the slow log takes too", testLoggedProcedure},
	{"failures inside of procedures and triggers", testNestedFailures},
	{"phases of a statement", testPhases},
	{"commits wait for the redo log", testFlush},
	{"the application's context becomes what the policy says", testTrust},
	{"contexts that are unsampled or malformed", testOddContexts},
	{"metrics count every statement and point to spans", testMetrics},
	{"a minimum duration keeps slow and failed statements", testMinDuration},
	{"sampling keeps a share of the spans", testSample},
}

func TestTiers(t *testing.T) {
	for _, tier := range allTiers {
		t.Run(tier.title(), func(t *testing.T) {
			server := startServer(t, tier)
			createItems(t, server)
			check := func(list []claim) {
				for _, c := range list {
					t.Run(c.name, func(t *testing.T) { c.test(t, tier, server) })
				}
			}
			check(timings)
			t.Parallel()
			check(claims)
		})
	}
}

// startServer starts a server that has the tier. One that cannot be started is a
// failure: what is missing is built by make, not skipped.
func startServer(t *testing.T, tier tier, args ...string) *servers.Server {
	t.Helper()
	// Without names, the address of a client is what the socket says.
	server, err := tier.start(t.Context(), servers.WithArgs(append(args, "--skip-name-resolve")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// createItems fills a table for lookups and small ranges.
func createItems(t *testing.T, server *servers.Server) {
	t.Helper()
	c := connect(t, server, "")
	c.must("CREATE TABLE items (id INT PRIMARY KEY, label VARCHAR(60), price INT) ENGINE=InnoDB")
	c.must("INSERT INTO items SELECT seq, CONCAT('item ', seq), seq * 3 FROM seq_1_to_1000")
	c.must("CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, line VARCHAR(60)) ENGINE=InnoDB")
}

// watch runs spanbridge on a server while work is done, and checks that the
// ledger closes.
func watch(t *testing.T, server *servers.Server, work func(), args ...string) *result {
	t.Helper()
	b := startBridge(t, targetArgs(server, args...)...)
	work()
	r := b.stop()
	r.mustClose(t)
	return r
}

func targetArgs(server *servers.Server, args ...string) []string {
	return append([]string{"--target", strconv.Itoa(server.PID)}, args...)
}

// statements are the query spans of a tier, as they began. A query span of
// another tier fails the test.
func (r *result) statements(t *testing.T, tier tier) []otlpSpan {
	t.Helper()
	return r.ofServer(t, tier, func(s *otlpSpan) bool { return s.Kind == kindServer && s.Name != preparation })
}

// preparation is the name of the span of a statement that is prepared by the
// binary protocol.
const preparation = "PREPARE"

// ofServer are the spans of a tier that are wanted, as they began.
func (r *result) ofServer(t *testing.T, tier tier, wanted func(*otlpSpan) bool) []otlpSpan {
	t.Helper()
	var list []otlpSpan
	for _, s := range r.spans {
		if !wanted(&s) {
			continue
		}
		if got := s.Attrs["spanbridge.tier"]; got != tier.name {
			t.Errorf("span %q is of tier %v, want %s", s.Name, got, tier.name)
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b otlpSpan) int { return int(a.Start - b.Start) })
	return list
}

const (
	kindInternal = 1 // OTLP's Span.SpanKind
	kindServer   = 2
	statusError  = 2 // OTLP's Status.StatusCode
)

// queries is the row of the ledger for statements.
func (r *result) queries(tier tier) map[string]uint64 {
	return r.ledger["mariadb/query/"+tier.name]
}

// wantQueries compares numbers of the ledger, zeros included.
func (r *result) wantQueries(t *testing.T, tier tier, want map[string]uint64) {
	t.Helper()
	row := r.queries(tier)
	for name, n := range want {
		if row[name] != n {
			t.Errorf("ledger: %s is %d, want %d: %v", name, row[name], n, row)
		}
	}
}

// client is one connection. The driver sends nothing of its own but commands
// that are no statements, so that what a client runs is all that there is.
type client struct {
	t    *testing.T
	conn *sql.Conn
	id   int64 // CONNECTION_ID()
}

// connect opens one connection, with further parameters of the driver such as
// "&multiStatements=true". Statements with arguments use the text protocol.
func connect(t *testing.T, server *servers.Server, params string) *client {
	t.Helper()
	return dial(t, server.DSN+"?interpolateParams=true"+params)
}

func dial(t *testing.T, dsn string) *client {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c := &client{t: t}
	if c.conn, err = db.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&c.id); err != nil {
		t.Fatal(err)
	}
	c.settle()
	return c
}

// run runs a statement, reads all of its results and returns how long that took.
func (c *client) run(query string, args ...any) (time.Duration, error) {
	begin := time.Now()
	rows, err := c.conn.QueryContext(c.t.Context(), query, args...)
	if err != nil {
		return time.Since(begin), err
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
	}
	took := time.Since(begin)
	if err := rows.Err(); err != nil {
		rows.Close()
		return took, err
	}
	return took, rows.Close()
}

// must runs a statement that has to succeed.
func (c *client) must(query string, args ...any) time.Duration {
	c.t.Helper()
	took, err := c.run(query, args...)
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return took
}

// settle returns once the server has done with the last statement. It answers a
// statement before it cleans up, where the span can end, but a ping only after
// that. A ping is no statement.
func (c *client) settle() {
	c.t.Helper()
	if err := c.conn.PingContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func median[T time.Duration | float64](list []T) T {
	list = slices.Clone(list)
	slices.Sort(list)
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// sysbench runs one of the scripts of sysbench 1.0, such as oltp_read_write.
type sysbench struct {
	spec, script                    string
	threads, tables, rows, prepared int
	server                          *mysql.Config
	made, ready                     bool // made: by prepare, and to be dropped
}

func newSysbench(spec, rest string, server *mysql.Config) (*sysbench, error) {
	script, options, _ := strings.Cut(rest, ":")
	if script == "" || strings.HasPrefix(script, "-") {
		return nil, fmt.Errorf("load %s: want sysbench:NAME, such as sysbench:oltp_read_write", spec)
	}
	if server.DBName == "" {
		return nil, fmt.Errorf("load %s: the dsn names no database in which to work: end it with /NAME", spec)
	}
	s := &sysbench{spec: spec, script: script, threads: 4, tables: 1, rows: 10_000, prepared: 1, server: server}
	return s, readOptions(spec, options, map[string]option{
		"threads": {&s.threads, 1, 10_000}, "tables": {&s.tables, 1, 1000}, "rows": {&s.rows, 1, 1 << 30}, "prepared": {&s.prepared, 0, 1},
	})
}

// Name implements [Load].
func (s *sysbench) Name() string { return s.spec }

// Run implements [Load].
func (s *sysbench) Run(ctx context.Context, d time.Duration) (Stats, error) {
	if err := s.prepare(ctx); err != nil {
		return Stats{}, err
	}
	seconds := max(1, int(d.Round(time.Second).Seconds())) // it knows no shorter time
	began := time.Now()
	out, err := s.command(ctx, "run", "--time="+strconv.Itoa(seconds), "--histogram=on", "--percentile=99")
	if err != nil {
		return Stats{}, err
	}
	return readSysbench(out, time.Since(began))
}

// prepare makes the tables, unless there are some: then these are worked on, and stay.
func (s *sysbench) prepare(ctx context.Context) error {
	if s.ready {
		return nil
	}
	connector, err := mysql.NewConnector(clientConfig(s.server))
	if err != nil {
		return fmt.Errorf("load %s: %w", s.spec, err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var there int
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
		AND TABLE_NAME LIKE 'sbtest%'`).Scan(&there)
	if err != nil {
		return fmt.Errorf("load %s: %w", s.spec, err)
	}
	if there == 0 {
		if _, err := s.command(ctx, "prepare"); err != nil {
			return err
		}
		s.made = true
	}
	s.ready = true
	return nil
}

// Close implements [Load].
func (s *sysbench) Close() error {
	if !s.made {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := s.command(ctx, "cleanup")
	return err
}

// command runs a command of the script. How to connect is in a file: others see the arguments of
// a process.
func (s *sysbench) command(ctx context.Context, verb string, more ...string) (string, error) {
	dir, err := os.MkdirTemp("", "spanbridge-load-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "sysbench.conf")
	if err := os.WriteFile(file, []byte(s.connection()), 0o600); err != nil {
		return "", err
	}
	mode := map[int]string{0: "disable", 1: "auto"}[s.prepared]
	args := append([]string{
		"--config-file=" + file, s.script, "--db-driver=mysql", "--db-ps-mode=" + mode, "--threads=" + strconv.Itoa(s.threads),
		"--tables=" + strconv.Itoa(s.tables), "--table-size=" + strconv.Itoa(s.rows), "--mysql-ignore-errors=all", verb,
	}, more...)
	out, err := run(ctx, exec.Command("sysbench", args...))
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("load %s: sysbench is not installed: apt-get install sysbench", s.spec)
	case err != nil:
		return "", fmt.Errorf("load %s: sysbench %s: %w\n%s", s.spec, verb, err, lastLines(out))
	}
	return out, nil
}

func (s *sysbench) connection() string {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s=%s\n", name, value) }
	if s.server.Net == "unix" {
		set("mysql-socket", s.server.Addr)
	} else if host, port, err := net.SplitHostPort(s.server.Addr); err == nil {
		set("mysql-host", host)
		set("mysql-port", port)
	}
	set("mysql-user", s.server.User)
	set("mysql-password", s.server.Passwd)
	set("mysql-db", s.server.DBName)
	if s.server.TLSConfig != "" && s.server.TLSConfig != "false" {
		set("mysql-ssl", "on")
	}
	return b.String()
}

var (
	sysbenchTotal   = regexp.MustCompile(`(?m)^\s+total:\s+(\d+)$`)
	sysbenchErrors  = regexp.MustCompile(`(?m)^\s+ignored errors:\s+(\d+) `)
	sysbenchSeconds = regexp.MustCompile(`(?m)^\s+total time:\s+([\d.]+)s$`)
	sysbenchEvents  = regexp.MustCompile(`(?m)^\s+total number of events:\s+(\d+)$`)
	sysbenchBar     = regexp.MustCompile(`(?m)^\s*([\d.]+) \|[* ]+(\d+)$`)
)

// readSysbench reads what sysbench prints at the end. Its total of queries leaves out those that
// failed: the ignored errors. What it measures is an event of the script, which is a statement
// only where there are as many of both.
func readSysbench(out string, took time.Duration) (Stats, error) {
	total, failed, events := lastNumber(sysbenchTotal, out), lastNumber(sysbenchErrors, out), lastNumber(sysbenchEvents, out)
	if events == 0 {
		return Stats{}, fmt.Errorf("sysbench did nothing:\n%s", lastLines(out))
	}
	s := Stats{Statements: total + failed, Errors: failed, Seconds: took.Seconds(), Unit: "transaction"}
	if total == events {
		s.Unit = "statement"
	}
	if m := sysbenchSeconds.FindStringSubmatch(out); m != nil {
		s.Seconds, _ = strconv.ParseFloat(m[1], 64)
	}
	var all durations
	for _, m := range sysbenchBar.FindAllStringSubmatch(out, -1) {
		ms, err := strconv.ParseFloat(m[1], 64)
		n, errN := strconv.ParseUint(m[2], 10, 64)
		if err := errors.Join(err, errN); err != nil {
			return s, fmt.Errorf("sysbench's histogram: %w", err)
		}
		all.buckets[bucketOf(uint64(ms*1e6))] += n
		all.count += n
	}
	s.P50, s.P99 = all.quantile(0.5), all.quantile(0.99)
	return s, nil
}

func lastNumber(re *regexp.Regexp, out string) (n uint64) {
	if all := re.FindAllStringSubmatch(out, -1); len(all) > 0 {
		n, _ = strconv.ParseUint(all[len(all)-1][1], 10, 64)
	}
	return n
}

// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// Server is how a server is known again. MariaDB has no UUID before 10.11.10 (server_uid).
type Server struct {
	UUID    string `json:"uuid,omitempty"`
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Datadir string `json:"datadir"`
	// Version and Started change while it remains the same server.
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

func (s Server) String() string {
	return fmt.Sprintf("%s on %s:%d, data in %s", s.Version, s.Host, s.Port, s.Datadir)
}

// is reports whether it is the same server, perhaps started anew.
func (s Server) is(o Server) bool {
	return s.UUID == o.UUID && s.Host == o.Host && s.Port == o.Port && s.Datadir == o.Datadir
}

// restarted reports whether the server was started anew since, by its own clock. That of a running one is
// known to two seconds.
func (s Server) restarted(since Server) bool {
	d := s.Started.Sub(since.Started)
	return max(d, -d) > 2*time.Second
}

func identify(ctx context.Context, conn *sql.Conn) (s Server, err error) {
	known, err := Pairs(ctx, conn, `SHOW GLOBAL VARIABLES WHERE Variable_name IN
		('server_uuid', 'server_uid', 'hostname', 'port', 'datadir', 'version')`)
	if err != nil {
		return s, fmt.Errorf("identify the server: %w", err)
	}
	s = Server{UUID: known["server_uuid"] + known["server_uid"], Host: known["hostname"], Datadir: known["datadir"], Version: known["version"]}
	if s.Port, err = strconv.Atoi(known["port"]); err != nil {
		return s, fmt.Errorf("identify the server: port: %w", err)
	}
	s.Started, err = startOf(ctx, conn)
	return s, err
}

// startOf finds the time at which a server began. It computes Uptime from its wall clock and from the time at
// which it began by that clock, so that the difference is the same whatever has
// become of the clock.
func startOf(ctx context.Context, conn *sql.Conn) (time.Time, error) {
	var now int64
	if err := conn.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("read the server's clock: %w", err)
	}
	known, err := Pairs(ctx, conn, "SHOW GLOBAL STATUS LIKE 'Uptime'")
	if err != nil {
		return time.Time{}, fmt.Errorf("read the server's uptime: %w", err)
	}
	up, err := strconv.ParseInt(known["Uptime"], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the server's uptime: %w", err)
	}
	return time.Unix(now-up, 0).UTC(), nil
}

// Pairs reads rows of a name and a value: variables, counters, switches of a server.
func Pairs(ctx context.Context, conn *sql.Conn, query string, args ...any) (map[string]string, error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string]string)
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, rows.Err()
}

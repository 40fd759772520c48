// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Server is what a running server says of itself.
type Server struct {
	Product string // "MySQL", "MariaDB", "Percona Server"
	Version string
	// Zone is the time zone of the server's process, in which some logs are stamped.
	Zone *time.Location
	// PID is its process on this host, 0 if it is not known: then [Server.Find] has not
	// been called, or has told why.
	PID int

	variables map[string]string
}

// Ask asks the server.
func Ask(ctx context.Context, db *sql.DB) (*Server, error) {
	s := &Server{variables: make(map[string]string)}
	if err := s.ask(ctx, db); err != nil {
		return nil, fmt.Errorf("ask the server what it is: %w", err)
	}
	s.Version = s.Variable("version")
	switch comment := s.Variable("version_comment"); {
	case strings.Contains(s.Version, "MariaDB"):
		s.Product = "MariaDB"
	case strings.HasPrefix(comment, "Percona"):
		s.Product = "Percona Server"
	default:
		s.Product = "MySQL"
	}
	return s, nil
}

func (s *Server) ask(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		s.variables[strings.ToLower(name)] = value.String
	}
	if err := rows.Err(); err != nil {
		return err
	}
	// A session has a zone of its own; a log has that of the process.
	if _, err := conn.ExecContext(ctx, "SET SESSION time_zone = 'SYSTEM'"); err != nil {
		return err
	}
	var ahead int
	if err := conn.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), NOW())").Scan(&ahead); err != nil {
		return err
	}
	s.Zone = time.FixedZone("", ahead)
	return nil
}

// MariaDB reports whether it is one.
func (s *Server) MariaDB() bool { return s.Product == "MariaDB" }

// Has reports whether the server has a variable of that name.
func (s *Server) Has(name string) bool { _, ok := s.variables[name]; return ok }

// Variable is the global value of a variable, "" if there is none.
func (s *Server) Variable(name string) string { return s.variables[name] }

// On reports whether a switch is on.
func (s *Server) On(name string) bool {
	v := strings.ToUpper(s.variables[name])
	return v == "ON" || v == "1"
}

// Number is the value of a variable, 0 if it is no number.
func (s *Server) Number(name string) float64 {
	n, _ := strconv.ParseFloat(s.variables[name], 64)
	return n
}

// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Need is something that a server lacks, and what mends it.
type Need struct {
	What string
	Mend string
	// Variable can be set to Value while the server runs; "" if it is not that.
	Variable, Value string
}

// State is what a server's component is set to.
type State struct {
	Version   string
	Endpoint  string        // where spans are sent
	On        bool          // they are
	Delay     time.Duration // after which they are sent
	QueueSize int
	MaxText   int // see Options
	Needs     []Need
}

const prefix = "telemetry."

// Inspect reads what a server is set to, and says what is missing for a receiver on this host. It changes
// nothing.
func Inspect(ctx context.Context, db *sql.DB) (*State, error) {
	s := &State{}
	values := make(map[string]string)
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&s.Version); err != nil {
		return nil, fmt.Errorf("inspect the server's telemetry: %w", err)
	}
	rows, err := db.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name LIKE 'telemetry.%' OR "+
		"Variable_name = 'performance_schema_max_sql_text_length'")
	if err != nil {
		return nil, fmt.Errorf("inspect the server's telemetry: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("inspect the server's telemetry: %w", err)
		}
		values[strings.TrimPrefix(name, prefix)] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("inspect the server's telemetry: %w", err)
	}
	s.fill(values)
	return s, nil
}

func (s *State) fill(values map[string]string) {
	s.Endpoint = values["otel_exporter_otlp_traces_endpoint"]
	s.On = values["trace_enabled"] == "ON"
	ms, _ := strconv.Atoi(values["otel_bsp_schedule_delay"])
	s.Delay = time.Duration(ms) * time.Millisecond
	s.QueueSize, _ = strconv.Atoi(values["otel_bsp_max_queue_size"])
	s.MaxText, _ = strconv.Atoi(values["performance_schema_max_sql_text_length"])
	_, installed := values["trace_enabled"]
	switch {
	case strings.Contains(s.Version, "MariaDB"):
		s.need(Need{What: "MariaDB has no component_telemetry", Mend: "use another account"})
		return
	case !installed:
		s.need(Need{What: "component_telemetry is not installed", Mend: "INSTALL COMPONENT 'file://component_telemetry', " +
			"which MySQL has from 9.7, once the server was started with an endpoint"})
		return
	}
	s.needEndpoint(values["otel_exporter_otlp_traces_protocol"])
	for _, v := range []struct{ name, bad, want, what string }{
		{"trace_enabled", "OFF", "ON", "no spans are made"},
		{"query_text_enabled", "OFF", "ON", "spans have no text"},
	} {
		if values[v.name] == v.bad {
			s.need(Need{
				What: prefix + v.name + " is " + v.bad + ": " + v.what, Mend: "SET GLOBAL " + prefix + v.name + " = " + v.want,
				Variable: prefix + v.name, Value: v.want,
			})
		}
	}
	if values["otel_log_level"] == "silent" {
		s.need(Need{What: "telemetry.otel_log_level is silent: nobody learns what the server drops", Mend: startWith("otel_log_level=info")})
	}
}

func (s *State) needEndpoint(protocol string) {
	mend := startWith("otel_exporter_otlp_traces_endpoint=http://127.0.0.1:4318/v1/traces") + ": it cannot be changed while the server runs"
	if _, err := parseEndpoint(s.Endpoint); s.Endpoint == "" {
		s.need(Need{What: "the server has no endpoint to send spans to", Mend: mend})
	} else if err != nil {
		s.need(Need{What: err.Error(), Mend: mend})
	}
	if protocol != "http/protobuf" {
		s.need(Need{What: "spans are sent as " + protocol, Mend: startWith("otel_exporter_otlp_traces_protocol=http/protobuf")})
	}
}

func startWith(option string) string { return "start the server with --loose-telemetry." + option }

func (s *State) need(n Need) { s.Needs = append(s.Needs, n) }

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"database/sql"
	"encoding/json"
	"testing"
)

// counters sums the points of every sum in the last collection of metrics.
func (r *result) counters(t *testing.T) map[string]int64 {
	t.Helper()
	if len(r.metrics) == 0 {
		t.Fatal("no metrics were written")
	}
	var request struct {
		ResourceMetrics []struct {
			ScopeMetrics []struct {
				Metrics []struct {
					Name string
					Sum  struct {
						DataPoints []struct {
							AsInt nanoseconds // a 64-bit number
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(r.metrics[len(r.metrics)-1], &request); err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]int64)
	for _, rm := range request.ResourceMetrics {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				for _, p := range m.Sum.DataPoints {
					sums[m.Name] += int64(p.AsInt)
				}
			}
		}
	}
	return sums
}

func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"usdt", "plugin"} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t, tierNamed(t, name))
			const connections = 23
			observer := connect(t, server, "")
			r := watch(t, server, func() {
				for range connections {
					db, err := sql.Open("mysql", server.DSN)
					if err != nil {
						t.Fatal(err)
					}
					if err := db.PingContext(t.Context()); err != nil {
						t.Fatal(err)
					}
					db.Close()
				}
				eventually(t, "the end of all other connections", func() bool {
					var name string
					var n int
					err := observer.conn.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Threads_connected'").Scan(&name, &n)
					return err == nil && n == 1
				})
			})
			got := r.counters(t)
			if n := got["spanbridge.connections.opened"]; n != connections {
				t.Errorf("%d connections opened, want %d", n, connections)
			}
			if n := got["spanbridge.connections.closed"]; n != connections {
				t.Errorf("%d connections closed, want %d", n, connections)
			}
			r.mustClose(t)
		})
	}
}

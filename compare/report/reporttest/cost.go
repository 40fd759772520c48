// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"time"

	"github.com/spanbridge/spanbridge/compare/cost"
)

// costs are figures of the kind that a measurement gives.
func costs() *cost.Result {
	ratio := func(value, half float64) cost.Ratio {
		return cost.Ratio{Value: value, Low: value - half, High: value + half}
	}
	method := func(name, detail string, cpu, half, outside, bytes float64) cost.Method {
		return cost.Method{
			Name: name, Detail: detail, Pairs: 24, CPU: ratio(cpu, half), Throughput: ratio(1/cpu, half/1.1),
			P50: ratio(0.3+0.7*cpu, half), P99: ratio(0.1+0.9*cpu, 3*half),
			CPUMicros: 118.4 * cpu, OutsideMicros: outside, PerSecond: 12_480 / cpu,
			Latency50: time.Duration(162e3 * cpu), Latency99: time.Duration(590e3 * cpu), BytesPerStatement: bytes,
		}
	}
	return &cost.Result{
		Load: "sysbench:oltp_point_select", Server: "MariaDB 10.11.14", Slices: 24, Slice: 2 * time.Second,
		Methods: []cost.Method{
			{Name: cost.Nothing, Detail: "every method off that can be switched off at run time", Pairs: 24, CPU: ratio(1, 0), Throughput: ratio(1, 0), P50: ratio(1, 0), P99: ratio(1, 0),
				CPUMicros: 118.4, PerSecond: 12_480, Latency50: 162e3, Latency99: 590e3},
			method(cost.Control, "nothing once more: the noise of the measurement", 1.001, 0.011, 0, 0),
			method("usdt", "spanbridge by the server's USDT probes, its spans over OTLP", 1.024, 0.012, 1.9, 0),
			method("uprobe", "spanbridge by functions of the server, its spans over OTLP", 1.031, 0.013, 2.2, 0),
			method("perfschema-history_long", "those by default, and events_statements_history_long", 1.083, 0.018, 0, 0),
			method("slowlog", "slow_query_log of every statement (long_query_time=0), to a file", 1.262, 0.034, 0, 412.7),
			method("generallog", "general_log, to a file", 1.117, 0.021, 0, 96.2),
			{Name: "telemetry", Missing: "MariaDB has no component_telemetry"},
			method("bpftrace", "a histogram of dispatch_command by bpftrace, of its entry and return", 1.071, 0.019, 3.1, 0),
		},
	}
}

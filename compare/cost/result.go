// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"time"

	"github.com/spanbridge/spanbridge/compare/interval"
)

// The methods that are always there.
const (
	// Nothing is what the others are compared to.
	Nothing = "nothing"
	// Control is nothing once more: what its figures say is chance.
	Control = "control"
)

// Ratio is a median of ratios to [Nothing] with its 95 % interval; zero: it was not
// measured.
type Ratio = interval.Estimate

// Result is what a measurement came to.
type Result struct {
	Load   string        `json:"load"`
	Server string        `json:"server"` // product and version
	Slices int           `json:"slices"` // of each method
	Slice  time.Duration `json:"slice"`  // how long one takes, in nanoseconds
	// Methods begin with Nothing and Control.
	Methods []Method `json:"methods"`
}

// Method is one way to watch the server, and what it costs.
type Method struct {
	Name   string `json:"name"`
	Detail string `json:"detail"` // what was switched on
	// Missing says why the method could not be had; it has no figures then.
	Missing string `json:"missing,omitempty"`

	CPU        Ratio `json:"cpu"` // of the server, a statement
	Throughput Ratio `json:"throughput"`
	P50        Ratio `json:"p50"` // of the latency that the load sees
	P99        Ratio `json:"p99"`
	Pairs      int   `json:"pairs"` // of slices that the ratios are made of

	// Medians over the slices.
	CPUMicros float64 `json:"cpu_micros"` // of the server, a statement
	// OutsideMicros is the processor time of what watches from outside of the server,
	// a statement: spanbridge's own, or bpftrace's.
	OutsideMicros float64       `json:"outside_micros"`
	PerSecond     float64       `json:"per_second"` // statements
	Latency50     time.Duration `json:"latency_p50"`
	Latency99     time.Duration `json:"latency_p99"`
	// BytesPerStatement are bytes that the server wrote to files.
	BytesPerStatement float64 `json:"bytes_per_statement"`
	// Saw is the share of the load's statements that the method saw, nil where it does not say so: what
	// sees nothing costs little.
	Saw *float64 `json:"saw,omitempty"`

	// Samples are the slices themselves, in their order.
	Samples []Sample `json:"samples,omitempty"`
}

// Sample is what came out of one slice.
type Sample struct {
	Statements        uint64        `json:"statements"`
	Errors            uint64        `json:"errors,omitempty"` // of them
	CPUMicros         float64       `json:"cpu_micros"`
	OutsideMicros     float64       `json:"outside_micros,omitempty"`
	PerSecond         float64       `json:"per_second"`
	P50               time.Duration `json:"p50"`
	P99               time.Duration `json:"p99"`
	BytesPerStatement float64       `json:"bytes_per_statement"`
	Saw               *uint64       `json:"saw,omitempty"` // statements
}

// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
)

// DefaultMaxSeries bounds the series of one metric, as the cardinality limit of
// OpenTelemetry's SDK does.
const DefaultMaxSeries = 2000

// Source reads the histograms that the kernel keeps. Histograms is called by
// one goroutine at a time. What it returns belongs to the caller. With an error
// it may return the points that it could read.
type Source interface {
	Histograms() ([]bridge.HistogramPoint, error)
}

// LedgerRow is one number of the bridge's own account. Rows of one name have
// the same description, unit and kind.
type LedgerRow struct {
	Name        string // metric name
	Attrs       []bridge.Attr
	Value       int64
	Monotonic   bool // a count since the attachment; else a value of the moment
	Description string
	Unit        string // UCUM, such as {record}
}

// Options tell a [Producer] what to read. Directory is required.
type Options struct {
	Source    Source // nil: only the ledger is reported
	Directory bridge.Directory
	Exemplars *bridge.Exemplars  // nil: no exemplars
	Ledger    func() []LedgerRow // nil: no account; must be safe for concurrent use

	Start     time.Time // when the probes were attached; zero means now
	Version   string    // of spanbridge
	PerOctave int       // 1, 2, 4 or 8; 0 means DefaultPerOctave
	MaxSeries int       // of one metric, the overflow series included; 0 means DefaultMaxSeries

	// Logf is told when the source cannot be read and when it can be again.
	// It may be nil.
	Logf func(format string, args ...any)
}

func (o Options) withDefaults() (Options, error) {
	if o.PerOctave == 0 {
		o.PerOctave = DefaultPerOctave
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = DefaultMaxSeries
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Directory == nil {
		return o, errors.New("make metrics: no directory of operations")
	}
	if o.MaxSeries < 2 {
		return o, errors.New("make metrics: want at least 2 series of a metric")
	}
	return o, nil
}

// SPDX-License-Identifier: Apache-2.0

package console

import "time"

// Defaults of [Options].
const (
	DefaultWidth           = 100
	DefaultWindow          = 300 * time.Millisecond
	DefaultTracesPerSecond = 20
	DefaultMaxSpans        = 64
)

const (
	minWidth = 72
	maxWidth = 400
)

// Options tell how traces are drawn. The zero value is ready to use: it draws
// without colour, 100 columns wide, in local time.
type Options struct {
	Color    bool           // use ANSI colours
	Width    int            // columns of the terminal; below 72 counts as 72
	Location *time.Location // zone of the times shown; nil: local time

	// Window is how long an [Exporter] waits for further spans of a trace after
	// its first one.
	Window time.Duration
	// TracesPerSecond bounds how many traces an [Exporter] draws a second. As
	// many again may be drawn if their first span failed.
	TracesPerSecond int
	// MaxSpans bounds the lines of one trace.
	MaxSpans int
}

func (o Options) withDefaults() Options {
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	o.Width = min(max(o.Width, minWidth), maxWidth)
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	if o.TracesPerSecond <= 0 {
		o.TracesPerSecond = DefaultTracesPerSecond
	}
	if o.MaxSpans <= 0 {
		o.MaxSpans = DefaultMaxSpans
	}
	return o
}

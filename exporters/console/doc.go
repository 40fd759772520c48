// SPDX-License-Identifier: Apache-2.0

// Package console draws finished traces in a terminal as small waterfalls.
//
// [Exporter] groups the spans that arrive into traces, draws a bounded number
// of traces a second and sums the rest up in one line a second. [Render] draws
// the spans it is given at once.
//
// A trace of several spans has a heading and one line a span: time, a bar whose
// scale is the trace, duration, name in the tree, key attributes. A statement that
// a span and its child both tell is drawn at the child: the application's and the
// server's are the same, and the server's has no literals. A trace of one
// span takes two lines at most. A bar scaled to its own trace would always be
// full there, so its dashed bar shows the duration on a logarithmic scale from a
// microsecond to ten seconds.
//
// Everything that comes from a traced process is made inert before it is
// written: control characters, escape sequences, invalid UTF-8 and characters
// that reorder text appear as visible escapes. The package never reads anything,
// never decides by itself whether its writer is a terminal, and never makes the
// caller wait for a slow one.
package console

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/exporters/console"
)

// terminal tells how to draw on a file: as wide as its terminal, in colour
// unless NO_COLOR is set (https://no-color.org). COLUMNS gives the width of
// what is no terminal.
func terminal(f *os.File) console.Options {
	var o console.Options
	if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
		o.Width = int(size.Col)
		o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		return o
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		o.Width = n
	}
	return o
}

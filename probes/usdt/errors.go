// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"errors"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

var (
	// ErrNotELF is wrapped where a file is not ELF at all, such as a script.
	ErrNotELF = elffile.ErrNotELF
	// ErrUnsupported is wrapped where a file is well formed but of a kind
	// that is not served: 32-bit, big-endian, another machine, an object
	// file, a core, or a separate debug file.
	ErrUnsupported = elffile.ErrUnsupported
	// ErrLimit is wrapped where a stated size is above this package's limits.
	ErrLimit = elffile.ErrLimit
	// ErrNotRegular is wrapped where a path is not a regular file.
	ErrNotRegular = errors.New("not a regular file")
)

// SPDX-License-Identifier: Apache-2.0

package usdt

// Limits on what one file may state. They are far above what real programs
// hold: a JVM, among the richest, has some 600 notes in 60 KiB.
const (
	// MaxFileSize is the greatest file size in bytes that Open accepts.
	MaxFileSize = 8 << 30
	// MaxNoteBytes is the greatest total size in bytes of the note sections read.
	MaxNoteBytes = 16 << 20
	// MaxNotes is the greatest number of stapsdt notes in a file.
	MaxNotes = 100_000
	// MaxName is the greatest length in bytes of a provider or probe name.
	MaxName = 256
	// MaxArgText is the greatest length in bytes of a note's argument string.
	MaxArgText = 4 << 10
	// MaxArgs is the greatest number of arguments of one site; sys/sdt.h
	// makes at most 12.
	MaxArgs = 16
	// MaxFileArgs is the greatest number of arguments in a file.
	MaxFileArgs = 200_000

	maxSegments    = 256
	maxWantedBytes = 64 << 10
	maxInstruction = 16
)

// SPDX-License-Identifier: Apache-2.0

package bridge

import "errors"

// Limits of a record, shared with the kernel side.
const (
	MaxValues  = 16 // integer captures of an operation
	MaxStrings = 6  // string captures of an operation
	MaxEntries = 64 // inner operations that ride inside a record; one with More counts twice
	MaxWaits   = 16 // longer waits that are told one by one
	MaxClasses = 12 // classes into which further inner operations are summed
	MoreValues = 4  // integers of an inner operation at probes in the kernel, beside the first

	DetailValues = 6 // integers of a detail
	DetailNames  = 4 // names of a detail
)

// RecordFlags are marks that the kernel side sets on a record.
type RecordFlags uint16

// Record flags.
const (
	FlagFailed     RecordFlags = 1 << iota // a capture with the error role was non-zero
	FlagTextCut                            // Text holds less than the whole statement
	FlagTextFault                          // the text could not be read from the process
	FlagFault                              // another capture could not be read
	FlagNoText                             // nested deeper than text is kept
	FlagHasText                            // the operation captured a text, maybe an empty one
	FlagUnchosen                           // filtered or sampled out: sent for the context that its text sets, gives no span
	FlagTimed                              // Times is known
	FlagUnfinished                         // it has not ended: EndNs is when that was seen, or when its thread ended
)

// NoCommand is the command where the thread has met no condition of a start yet.
const NoCommand = 255

// Entry is a finished inner operation that rides inside the record of the
// operation around it.
type Entry struct {
	Op         uint16 // index into the operation table
	Flags      RecordFlags
	Depth      uint16 // nesting below the record's own operation, from 1
	StartNs    uint64 // CLOCK_MONOTONIC, nanoseconds
	DurationNs uint64
	Value      uint64 // the operation's first integer capture
	// More are those that follow, by slot, of an operation at probes in the kernel.
	More [MoreValues]uint64
}

// Detail is what became known of an inner operation beside its entry.
type Detail struct {
	StartNs uint64 // of the entry; others may have details that no entry of the record has
	// Values and Names are the operation's captures by slot: the first integer is
	// the entry's Value, and is not here. A value of -1 says that there were several.
	Values [DetailValues]uint64
	Names  [DetailNames][]byte
}

// Record is one finished operation as a source yields it, or with FlagUnfinished
// one that will not be seen to end.
//
// Strings, Text, Tail and the names of Details are views into the source's buffer: they are valid
// until the next call of [Source.Next].
type Record struct {
	Op         uint16 // index into the operation table
	Flags      RecordFlags
	TGID, TID  uint32 // in the pid namespace of the kernel's root
	StartNs    uint64 // CLOCK_MONOTONIC, nanoseconds
	EndNs      uint64 // CLOCK_MONOTONIC, nanoseconds
	Seq        uint32 // number of the operation within its thread, among those with a record
	Command    uint8  // value of the last condition at a start probe of the thread, or NoCommand
	Before     uint8  // the one before that, whether it opened an operation or not; of what follows another operation the same as Command
	Apart      uint32 // Seq of the operation apart that was open when this one ended, 0 if none
	ParentSeq  uint32 // Seq of the enclosing operation with a record of its own, 0 if none
	Values     [MaxValues]uint64
	Strings    [MaxStrings][]byte
	Text       []byte // the head of the statement
	Tail       []byte // its last bytes, when it is longer than the head
	TextLength uint64 // its true length in bytes, 0 when the probe does not tell
	Entries    []Entry
	Details    []Detail // of some of the entries
	// RestNs and RestCount are of inner operations beyond MaxEntries, by class; of an
	// operation apart, the first are of what else the thread did meanwhile.
	RestNs    [MaxClasses]uint64
	RestCount [MaxClasses]uint32
	Times     Times
	Now       uint8 // of one that has not ended: what its thread was at, a TimeClass plus 1; 0: not known
	Waits     []Wait
	Unlisted  uint16 // waits that found no room in Waits
}

// Source yields records in the order in which operations of a thread finished.
//
// Next waits for a record, for a while: then it returns ErrIdle. It returns
// io.EOF after Close or at the end of input. Next
// and Close may be called concurrently; Next by one goroutine at a time.
type Source interface {
	Next(*Record) error
	Close() error
}

// ErrIdle is what [Source.Next] returns when no record came for a while, so
// that the caller can do what time demands. Then Next can be called again.
var ErrIdle = errors.New("no record yet")

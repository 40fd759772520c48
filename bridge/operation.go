// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strconv"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// FieldType tells how a captured value is read.
type FieldType uint8

// The field types. Integers come from [Record.Values], strings from
// [Record.Strings].
const (
	FieldUint FieldType = iota
	FieldInt
	FieldString
	FieldAddress   // a string of 4 or 16 bytes: an IP address
	FieldArguments // strings one behind the other, each with a NUL
	FieldKey       // the key of a metadata lock, a string of a detail
)

// text reports whether the value is one of [Record.Strings].
func (t FieldType) text() bool { return t >= FieldString }

// appendText appends the value as valid UTF-8.
func (t FieldType) appendText(to, value []byte) []byte {
	switch t {
	case FieldAddress:
		return appendAddress(to, value)
	case FieldArguments:
		return appendArguments(to, value)
	}
	return sqltext.ValidUTF8(to, value)
}

// Role gives a captured value a meaning beyond its attribute.
type Role uint8

// The roles.
const (
	RoleNone        Role = iota
	RoleNamespace        // the current database: also a property of the metrics
	RoleFailed           // non-zero: the operation failed
	RoleErrorNumber      // non-zero: failed with this error number of the server
	RoleMessage          // a string: the server's message about a failure
	RoleConnection       // the server's number of the connection
	RoleContext          // a string: a W3C traceparent that came beside the text
	RoleBoundary         // CLOCK_MONOTONIC in nanoseconds: where the first of Operation.Phases ends and the second begins
	RoleCurrent          // zero: the text is from when the statement was prepared, and so is a context in it
	RoleLock             // a string: the server's words for what an inner operation waits for
	RoleObject           // the key of that lock
	RoleTable            // a string: InnoDB's name of the table in which it waits for a lock
	RoleSQLState         // a string, or an integer as PostgreSQL packs it: the SQLSTATE of a failure
)

// Field maps one capture of an operation to a span attribute.
type Field struct {
	Name string // the capture's name in the profile
	Attr string // attribute key; empty: no attribute
	Type FieldType
	Slot int // index into Record.Values or Record.Strings, or into those of a Detail
	Role Role
	// OmitZero leaves the attribute out when the value is 0 or "".
	OmitZero bool
	// Raw says that the value is shown only where raw text was asked for.
	Raw bool
	// Names translates integer values, such as command numbers, to text.
	Names map[uint64]string
}

// Text returns an integer value of the field as text: its name, if it has one.
func (f *Field) Text(value uint64) string {
	if name, ok := f.Names[value]; ok {
		return name
	}
	if f.Type == FieldInt {
		return strconv.FormatInt(int64(value), 10)
	}
	return strconv.FormatUint(value, 10)
}

// SeriesText returns an integer value of the field as part of a series: nothing
// where it is no attribute.
func (f *Field) SeriesText(value uint64) string {
	if value == 0 && f.OmitZero {
		return ""
	}
	return f.Text(value)
}

// SeriesSeparator stands between the texts of several fields that a metric tells
// apart.
const SeriesSeparator = "\x00"

// Key is the attribute's key, or the capture's name where it has none.
func (f *Field) Key() string {
	if f.Attr != "" {
		return f.Attr
	}
	return f.Name
}

// Operation says what the records of one operation in one server program mean.
// It is compiled from a profile and immutable once a source refers to it.
type Operation struct {
	Name     string // "query"
	System   string // db.system.name, empty when it is no database
	Profile  string // name of the profile
	Tier     string // which of the profile's tiers serves it here
	Kind     Kind
	SpanName string // "{summary}" or literal text; empty: the operation's name
	HasText  bool   // records carry a statement text
	Dialect  sqltext.Dialect
	Fields   []Field
	Attrs    []Attr // the same on every span
	Metric   string // name of the duration histogram, in seconds; empty: none
	Counter  string // name of the counter of a point operation; empty: none
	Apart    bool   // nests in no others, and no others in it
	Inline   bool   // rides inside the record of the operation around it
	// Names gives an inline operation's span its name by the entry's value; others have SpanName.
	Names map[uint64]string
	// Phases names the two parts of an operation with a field of RoleBoundary.
	Phases [2]string
	// Executes and Prepares are sets of commands, by bit: those that execute a
	// statement prepared earlier, and those that prepare one. See [Record.Command].
	Executes, Prepares uint64
	// Resets is the set of those that reset the session's variables.
	Resets uint64
	Point  bool // a single event without an end
	// InKernel says that the probes are in the kernel: the last string of a record
	// is the name of the thread, and entries have more than one value.
	InKernel bool
	// Host is what the operation's spans come from where they are of the host as a
	// whole, not of a process that the directory knows; else nil.
	Host *Instance
	// NamedBy is the field whose value is the span's name, or nil.
	NamedBy *Field
	// By are the fields that the metric tells apart, beside the namespace.
	By []*Field
	// Sums are what is added up, in the order of [HistogramPoint.Sums].
	Sums []Sum
	// Sequence says that each start of the inline operation ends the one before.
	Sequence bool
}

// MaxSums is how many values of an operation can be added up.
const MaxSums = 8

// Sum is a counter to which the operations add a value each.
type Sum struct {
	Metric, Unit string
	Attrs        []Attr // beside those of the series
}

// Field returns the field of that capture name, or nil.
func (o *Operation) Field(name string) *Field {
	for i := range o.Fields {
		if o.Fields[i].Name == name {
			return &o.Fields[i]
		}
	}
	return nil
}

// Instance is one observed server process.
type Instance struct {
	Resource *Resource
	// MetricAttrs tell this instance from others in metrics, whose resource is
	// the bridge itself: server.address, server.port and the like.
	MetricAttrs []Attr
	// Names are span names of inline operations, by operation and the entry's
	// value, where each process has its own; a value that is not there gives no
	// span.
	Names map[string]map[uint64]string
}

// Directory knows the operations and processes that records refer to. It is
// safe for concurrent use, and what it returns is immutable.
type Directory interface {
	// Operation returns the entry of the operation table, or nil if there is none.
	Operation(op uint16) *Operation
	// Instance returns what is known of a process, also shortly after its end.
	// It never returns nil. It returns the same pointer for a process until more
	// becomes known of it, and another one for a later process of that number.
	Instance(tgid uint32) *Instance
}

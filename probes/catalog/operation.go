// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"
	"strings"
	"time"
)

// SummarySpan is the span name that stands for the summary of the statement.
const SummarySpan = "{summary}"

// SpanCapture returns the capture whose value is the span's name, or "".
func (o *Operation) SpanCapture() string {
	name, ok := strings.CutPrefix(o.Span, "{")
	if !ok || o.Span == SummarySpan {
		return ""
	}
	return strings.TrimSuffix(name, "}")
}

// Operations are the operations of a profile in the order of the file.
type Operations []*Operation

// Find returns the operation of that name, or nil.
func (o Operations) Find(name string) *Operation {
	for _, op := range o {
		if op.Name == name {
			return op
		}
	}
	return nil
}

// Operation is what happens between a start probe and a done probe, or a
// single event.
type Operation struct {
	// At is the place in the profile.
	At Where `yaml:"-"`
	// Name is the operation's key in the profile.
	Name string `yaml:"-"`

	// Span kind; by default server, for an operation with a parent internal.
	Kind Kind `yaml:"kind" jsonschema:"enum=server,enum=internal,enum=client"`
	// Span name: literal text, or "{summary}" for the summary of the statement, or at probes in the kernel a capture in braces whose value it is; by default the operation's name.
	Span string `yaml:"span" form:"span"`
	// One sentence about the operation.
	Description string `yaml:"description" form:"line"`
	// The lowest level of detail at which the operation is attached; by default query.
	Detail Detail `yaml:"detail" jsonschema:"enum=query,enum=phases,enum=stages"`
	// Name of the operation in whose record this one rides. Such an inline operation captures integers only, carries the first of them, and has what its notes tell.
	Parent string `yaml:"parent" form:"parent"`
	// Whether the operation may nest in itself, as statements of procedures do. A tier may differ.
	Recursive bool `yaml:"recursive"`
	// Of an inline operation: each start ends the one before, as the stages of a statement do.
	Sequence bool `yaml:"sequence"`
	// Values of an inline operation, 0 to 63, of which one that begins within a millisecond after the end of another goes on with it: waits that the server takes up again and again.
	Joins []int `yaml:"joins" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// What the thread waits for inside of an inline operation, by the integer that it captures, 0 to 15: lock, disk, sync, network, sleep or other. It counts where the kernel sees only a wait for another thread.
	Waits map[uint64]string `yaml:"waits" form:"line"`
	// It nests in no others and no others in it, as a transaction begins in one statement and ends in another. Of a profile one operation can be so, and of that one is open on a thread at a time.
	Apart bool `yaml:"apart"`
	// Of an operation apart: an integer capture; where it is 0 there is no span, and only the histogram counts.
	Only string `yaml:"only" form:"capture"`
	// While it is open, operations around it do not end: what ends there is something else.
	Shields bool `yaml:"shields"`
	// Span names of an inline operation by the integer that it captures; others have its span name.
	Names map[uint64]string `yaml:"names" form:"line"`
	// Where a process keeps the span names of an inline operation; values that are not found there give no span.
	NamesFrom *NameTable `yaml:"names_from"`
	// Names of the two parts into which the capture with the role boundary divides the operation.
	Phases []string `yaml:"phases" jsonschema:"minItems=2,maxItems=2" form:"line"`
	// Values of the start's condition that execute a statement prepared before, with the trace context of its preparation.
	Executes []int `yaml:"executes" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// Values of the start's condition that prepare a statement.
	Prepares []int `yaml:"prepares" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// Values of the start's condition that begin a new session on the connection.
	Resets []int `yaml:"resets" jsonschema:"minItems=1,maxItems=64,minimum=0,maximum=63"`
	// Beginning of statements, in small letters, that set what later ones need: their records are sent whatever is filtered.
	Keep string `yaml:"keep" form:"keep"`
	// Name of the duration histogram, in seconds; empty for none.
	Metric string `yaml:"metric" form:"metric"`
	// Name of the counter of a point operation; empty for none.
	Counter string `yaml:"counter" form:"metric"`
	// Captures that the duration histogram tells apart, with few values, such as a device: at probes in the kernel up to two integers and a string, of an operation apart an integer and the namespace.
	By CaptureNames `yaml:"by" form:"capture"`
	// At probes in the kernel: integer captures whose values are added up over all operations, each with its counter.
	Sum Sums `yaml:"sum"`
	// At probes in the kernel: where only some processes are looked at, what they started counts too.
	Children bool `yaml:"children"`
	// Shorter operations give no span; decided in the kernel. They are still counted in the histogram.
	MinDuration Duration `yaml:"min_duration" form:"duration"`
	// Span attributes by key.
	Attributes Attributes `yaml:"attributes"`
	// What captures mean beyond their attributes.
	Roles Roles `yaml:"roles"`
	// The ways to see the operation, best first: the first one whose probes all exist serves.
	Tiers []*Tier `yaml:"tiers" jsonschema:"required,minItems=1,maxItems=16"`
}

// CaptureNames are names of captures. In YAML a single one needs no list.
type CaptureNames []string

// Inline reports whether the operation rides inside the record of another one.
func (o *Operation) Inline() bool { return o.Parent != "" }

// inKernel reports whether all tiers are probes in the kernel.
func (o *Operation) inKernel() bool {
	return len(o.Tiers) > 0 && !slices.ContainsFunc(o.Tiers, func(t *Tier) bool { return !t.Kernel() })
}

// Point reports whether the operation is a single event without an end.
func (o *Operation) Point() bool { return len(o.Tiers) > 0 && len(o.Tiers[0].Point) > 0 }

// Recurses reports whether the operation may nest in itself in that tier.
func (o *Operation) Recurses(t *Tier) bool {
	if t.Recursive != nil {
		return *t.Recursive
	}
	return o.Recursive
}

// NameTable says that a program has exported variables, each a structure with a
// number and the name that belongs to it. They are read once for each process.
type NameTable struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Patterns for the names of the variables, with * for any part.
	Variables []string `yaml:"variables" jsonschema:"required,minItems=1,maxItems=16" form:"pattern"`
	// Bytes of one structure in the versions of the program, of which that holds which a variable has: a larger variable is an array of them. Without it, every variable is one structure.
	Sizes []int `yaml:"sizes" jsonschema:"minimum=1,maximum=4096,maxItems=8"`
	// Offset of the number in the structure, which is a u32.
	Number int `yaml:"number" jsonschema:"minimum=0,maximum=4096"`
	// Offset of the pointer to the name, which ends with a NUL.
	Name int `yaml:"name" jsonschema:"required,minimum=0,maximum=4096"`
}

// Duration is a length of time, in YAML as in "250ms" or "1m30s".
type Duration time.Duration

// Roles give captures a meaning beyond their attributes. In YAML an absent role
// falls to the capture of the usual name, if its type fits and it has no other role; "" switches it off.
type Roles struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// The statement, a capture of type sql; usually text.
	Text string `yaml:"text" form:"role"`
	// The current database, a string; usually namespace.
	Namespace string `yaml:"namespace" form:"role"`
	// An integer that is not zero when the operation failed; usually status.
	Failed string `yaml:"failed" form:"role"`
	// An integer that is not zero when the operation failed: the server's error number; usually error.
	Error string `yaml:"error" form:"role"`
	// An integer that is not zero when the operation began earlier than its probe: CLOCK_MONOTONIC in nanoseconds; usually start_ns.
	Start string `yaml:"start" form:"role"`
	// The server's message about a failure, a string; usually message. It becomes the status of the span, sanitised.
	Message string `yaml:"message" form:"role"`
	// The SQLSTATE of a failure, a string, or an integer as PostgreSQL packs it; usually sqlstate. As an integer it is in the metrics too.
	SQLState string `yaml:"sqlstate" form:"role"`
	// The number of the connection; usually connection.
	Connection string `yaml:"connection" form:"role"`
	// A W3C traceparent that came beside the text; usually context.
	Context string `yaml:"context" form:"role"`
	// An integer that is 0 when the text, with the trace context in it, is from an earlier preparation; usually current.
	Current string `yaml:"current" form:"role"`
	// Of an operation with a parent: the server's words for what it waits for, a string; usually lock.
	Lock string `yaml:"lock" form:"role"`
	// Of an operation with a parent: the key of that lock, an mdl_key; usually object.
	Object string `yaml:"object" form:"role"`
	// Of an operation with a parent: InnoDB's name of the table in which it waits for a lock, a string; usually table.
	Table string `yaml:"table" form:"role"`
	// The time at which the first of the phases ends, u64; usually boundary.
	Boundary string `yaml:"boundary" form:"role"`
}

// Tier is one way to see an operation.
type Tier struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Name of the tier, such as usdt, plugin or uprobe.
	Name string `yaml:"tier" jsonschema:"required" form:"tier"`
	// What this tier cannot tell, for the report.
	Lacks []string `yaml:"lacks" form:"line"`
	// What has to be there for this tier to serve, for the report.
	Needs string `yaml:"needs" form:"line"`
	// The lowest level of detail at which the tier serves.
	Detail Detail `yaml:"detail" jsonschema:"enum=query,enum=phases,enum=stages"`
	// Operations earlier in the profile with their tier, as in query/uprobe: one of them must serve for this tier to serve.
	With []string `yaml:"with" jsonschema:"minItems=1,maxItems=16" form:"with"`
	// Variables of the program that must not be 0 for the tier to serve.
	Requires []*Requirement `yaml:"requires" jsonschema:"minItems=1,maxItems=8"`
	// Overrides the operation's recursive.
	Recursive *bool `yaml:"recursive"`
	// An end without a start belongs to one more operation, which began when the one before ended: further statements of a packet.
	Follows bool `yaml:"follows"`
	// The probes at which the operation starts.
	Start Probes `yaml:"start"`
	// The probes at which it is done.
	Done Probes `yaml:"done"`
	// Probes that capture into the operation while it goes on.
	Note Probes `yaml:"note"`
	// The probes of a point operation, instead of start and done.
	Point Probes `yaml:"point"`
}

// Requirement is a variable of the program that must not be 0 for a tier to
// serve, such as the switch of the subsystem that the tier looks at.
type Requirement struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Exact name of an exported variable.
	Variable string `yaml:"variable" jsonschema:"required" form:"symbol"`
	// Type of the variable; by default u8.
	Type Type `yaml:"type" jsonschema:"enum=u8,enum=u32,enum=u64"`
	// What to do when it is 0, for the report.
	Mend string `yaml:"mend" form:"line"`
}

// Kernel reports whether the probes of the tier are in the kernel.
func (t *Tier) Kernel() bool {
	all := t.Probes()
	return len(all) > 0 && all[0].Kernel()
}

// StringBytes returns the most bytes that the strings of the tier can take.
func (t *Tier) StringBytes() int {
	return longest(t.Start) + total(t.Note) + longest(t.Done) - t.keptOnce()
}

// Keyed reports whether an end finds its start by a key, not by the thread.
func (t *Tier) Keyed() bool { return len(t.Start) > 0 && len(t.Start[0].Key) > 0 }

// Settles reports whether it is told after the start whose an operation is.
func (t *Tier) Settles() bool {
	owned := func(p *Probe) bool { return p.Owner != "" }
	return slices.ContainsFunc(t.Note, owned) || slices.ContainsFunc(t.Done, owned)
}

// Probes returns all probes of the tier: start, note, done and point.
func (t *Tier) Probes() []*Probe {
	all := make([]*Probe, 0, len(t.Start)+len(t.Note)+len(t.Done)+len(t.Point))
	all = append(all, t.Start...)
	all = append(all, t.Note...)
	all = append(all, t.Done...)
	return append(all, t.Point...)
}

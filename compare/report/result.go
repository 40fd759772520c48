// SPDX-License-Identifier: Apache-2.0

package report

import (
	"time"

	"github.com/spanbridge/spanbridge/compare/cost"
)

// Format names the form of the JSON. Its number changes when a key goes or
// changes its meaning; keys may be added.
const Format = "spanbridge.compare/1"

// Result is what a comparison came to. Its keys in JSON are described in
// docs/compare.md.
type Result struct {
	Format   string    `json:"format"`
	Tool     string    `json:"tool"` // name and version
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"duration_seconds"`
	Server   Server    `json:"server"`
	Host     Host      `json:"host"`
	Load     string    `json:"load"`
	Accounts []Account `json:"accounts"`
	// Reference is the account against which the others' coverage is measured: the
	// first one.
	Reference string    `json:"reference"`
	Fields    []Field   `json:"fields"`
	Verdicts  []Verdict `json:"verdicts"`
	// Messages are those of the server's error log, in order of time.
	Messages []Message `json:"messages,omitempty"`
	// Cost is nil where it was not measured.
	Cost *cost.Result `json:"cost,omitempty"`
}

// Server is the server whose statements were compared.
type Server struct {
	Product  string `json:"product"`
	Version  string `json:"version"`
	Endpoint string `json:"endpoint"` // host:port or the path of a socket
}

// Host is where it ran.
type Host struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
}

// Message is one of the error log, without the values that it quotes.
type Message struct {
	At         time.Time `json:"at"`
	Severity   string    `json:"severity"`
	Code       string    `json:"code,omitempty"`
	Connection uint64    `json:"connection,omitempty"`
	Text       string    `json:"text"`
	Statements int       `json:"statements"` // that it may be about
}

// Account is one source of what is told of the statements.
type Account struct {
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // how it was had
	// Between these points it measures, if it measures; see compare.Stopwatch.
	MeasuredFrom string `json:"measured_from,omitempty"`
	MeasuredTo   string `json:"measured_to,omitempty"`
	// Error says why the account could not be had; then nothing else is told.
	Error         string   `json:"error,omitempty"`
	Statements    int      `json:"statements"`
	LeftOut       int      `json:"left_out"` // statements of connections that were not compared
	Other         int      `json:"other"`    // what is no statement, and what ran inside of one
	ResolutionNs  int64    `json:"resolution_ns"`
	MinDurationNs int64    `json:"min_duration_ns"`
	Partial       string   `json:"partial,omitempty"` // why it leaves statements out by choice
	SkipsUnparsed bool     `json:"skips_unparsed"`
	Fields        []string `json:"fields"`
	Losses        []Loss   `json:"losses"`
	// Coverage is nil for the reference, and where it was not judged.
	Coverage *Coverage `json:"coverage,omitempty"`
}

// Loss is what an account knows to have lost, for one reason.
type Loss struct {
	Why        string `json:"why"`
	Stretches  int    `json:"stretches"`
	Statements uint64 `json:"statements"` // 0: unknown
}

// Coverage is how much of the reference an account has. What lies at the edge of
// the time compared is left out.
type Coverage struct {
	Expected    int       `json:"expected"` // statements of the reference
	Seen        int       `json:"seen"`
	Share       float64   `json:"share"` // 0 to 1
	Unexplained int       `json:"unexplained"`
	Lacks       []Missing `json:"lacks"` // of Expected
	Extra       []Missing `json:"extra"` // what the reference lacks
}

// Missing is what one account lacks for one reason.
type Missing struct {
	Reason   string      `json:"reason"`
	Count    int         `json:"count"`
	Examples []Statement `json:"examples"`
}

// Statement is an example, as the account tells of it that has it.
type Statement struct {
	Connection uint64 `json:"connection"`
	StartNs    int64  `json:"start_ns"` // Unix time by the account's clock
	DurationNs *int64 `json:"duration_ns,omitempty"`
	Text       string `json:"text"` // sanitised and inert
	Error      uint32 `json:"error,omitempty"`
	Ref        uint64 `json:"ref"`
}

// Field is how far the accounts agree on one field. The others are held against
// the standard: the first account that tells it.
type Field struct {
	Field    string      `json:"field"`
	Standard string      `json:"standard"`
	Accounts []FieldTold `json:"accounts"`
}

// FieldTold is what one account tells of a field.
type FieldTold struct {
	Account string `json:"account"`
	Told    int    `json:"told"`  // of its statements
	Equal   int    `json:"equal"` // to the standard, of what both tell; a duration: within 2 %
	Differ  int    `json:"differ"`
}

// Verdict is how two accounts of the same statements compare.
type Verdict struct {
	A            string         `json:"a"`
	B            string         `json:"b"`
	Matched      int            `json:"matched"`
	Ambiguous    int            `json:"ambiguous"` // of Matched: right by count only
	MissingA     []Missing      `json:"missing_in_a"`
	MissingB     []Missing      `json:"missing_in_b"`
	UnexplainedA int            `json:"unexplained_in_a"`
	UnexplainedB int            `json:"unexplained_in_b"`
	Offsets      []Offset       `json:"offsets"`
	Latency      *Latency       `json:"latency,omitempty"` // nil: not told by both
	Fields       []FieldVerdict `json:"fields"`
}

// Offset is by how much the clock of B was ahead of A's for some pairs.
type Offset struct {
	Ns    int64     `json:"ns"`
	Pairs int       `json:"pairs"`
	From  time.Time `json:"from"` // starts of the first and the last of them, by A's clock
	To    time.Time `json:"to"`
}

// Kinds of a difference between the latencies of two accounts.
const (
	Same     = "same"     // at the median within 2 %
	Constant = "constant" // about the same for all statements, but for a tail
	Varies   = "varies"   // with what VariesWith says
)

// Latency is how the durations differ that two accounts tell of the same
// statements: B's minus A's.
type Latency struct {
	Kind      string `json:"kind"`
	Pairs     int    `json:"pairs"`
	MedianANs int64  `json:"median_a_ns"`
	MedianBNs int64  `json:"median_b_ns"`
	P5Ns      int64  `json:"p5_ns"`
	MedianNs  int64  `json:"median_ns"`
	P95Ns     int64  `json:"p95_ns"`
	// The narrowest range that half of the differences lie in.
	HalfFromNs int64   `json:"half_from_ns"`
	HalfToNs   int64   `json:"half_to_ns"`
	LimitNs    int64   `json:"limit_ns"`   // from its middle within which a difference is about the same
	TailShare  float64 `json:"tail_share"` // of pairs that are farther off
	Ratio      float64 `json:"ratio"`      // the median of B's to A's
	NearShare  float64 `json:"near_share"` // of pairs within 2 % of each other
	// VariesWith is what the difference goes with, if it is no constant: see [compare.Trait].
	VariesWith string `json:"varies_with,omitempty"`
	// Commands are those of queries and of executions, if they differ.
	Commands  []Command `json:"commands,omitempty"`
	OnlyA     []string  `json:"only_a"` // what A measures and B does not, if that is known
	OnlyB     []string  `json:"only_b"`
	Histogram Histogram `json:"histogram"`
	// Scatter is a sample of the durations of A and B, nanoseconds.
	Scatter [][2]int64   `json:"scatter_ns"`
	Worst   []Difference `json:"worst"`
}

// Command is how the latencies of queries, or those of executions of prepared statements, differ.
type Command struct {
	Command    string   `json:"command"` // "query" or "execution"
	Pairs      int      `json:"pairs"`
	HalfFromNs int64    `json:"half_from_ns"`
	MiddleNs   int64    `json:"middle_ns"`
	HalfToNs   int64    `json:"half_to_ns"`
	OnlyA      []string `json:"only_a"`
	OnlyB      []string `json:"only_b"`
}

// Histogram counts differences: Counts[i] are from Edges[i] on and below Edges[i+1].
type Histogram struct {
	EdgesNs []int64 `json:"edges_ns"`
	Counts  []int   `json:"counts"`
	Below   int     `json:"below"` // the first edge
	Above   int     `json:"above"` // the last one
}

// Difference is a statement of which two accounts tell different durations.
type Difference struct {
	Connection uint64 `json:"connection"`
	StartNs    int64  `json:"start_ns"` // by A's clock
	Text       string `json:"text"`
	ANs        int64  `json:"a_ns"`
	BNs        int64  `json:"b_ns"`
}

// FieldVerdict is how far two accounts agree on one field of what both have.
type FieldVerdict struct {
	Field    string         `json:"field"`
	Equal    int            `json:"equal"`
	Differ   int            `json:"differ"`
	OnlyA    int            `json:"only_a"`
	OnlyB    int            `json:"only_b"`
	Neither  int            `json:"neither"`
	Examples []Disagreement `json:"examples"`
}

// Disagreement is a statement of which two accounts tell different things.
type Disagreement struct {
	Connection uint64 `json:"connection"`
	Text       string `json:"text"`
	A          string `json:"a"`
	B          string `json:"b"`
}

// SPDX-License-Identifier: Apache-2.0

package compare

// Point is a place in the life of a statement at which an account starts or stops its watch.
type Point string

// The points, in their order. A server of MySQL or MariaDB goes through those from PointArrived to PointClosed
// in dispatch_command and what calls it (sql/sql_parse.cc, sql/conn_handler).
const (
	PointSends      Point = "the client calls its driver"
	PointRequest    Point = "the request is on the wire"
	PointArrived    Point = "the server has read the head of the packet" // net_after_header_psi: Performance Schema starts
	PointDispatched Point = "the server begins the command"              // dispatch_command
	PointClockSet   Point = "the session's clock is set"                 // THD::set_time
	PointExecuted   Point = "the statement is executed"                  // THD::update_slow_query_status, update_server_status
	PointAudited    Point = "audit plugins are told"                     // MYSQL_AUDIT_GENERAL_STATUS
	PointLogs       Point = "the server considers the slow log"          // log_slow_statement
	PointClosed     Point = "the server ends the command"                // MYSQL_END_STATEMENT: Performance Schema stops
	PointAnswer     Point = "the end of the answer is on the wire"
	PointAnswered   Point = "the client's driver has the answer"
)

// Step is what happens between a point and the next one.
type Step string

// Stopwatch says from where to where an account measures.
type Stopwatch struct{ Start, Stop Point }

// stopwatches are those of accounts, and of the tiers of probes.
var stopwatches = map[string]Stopwatch{
	"journal":       {PointSends, PointAnswered},
	"wire":          {PointRequest, PointAnswer},
	"perfschema":    {PointArrived, PointClosed},
	"telemetry":     {PointArrived, PointClosed}, // it is told by Performance Schema
	"slowlog":       {PointClockSet, PointExecuted},
	"probes/psi":    {PointArrived, PointClosed},
	"probes/uprobe": {PointDispatched, PointLogs},
	"probes/plugin": {PointClockSet, PointAudited},
	"probes/usdt":   {PointClockSet, PointClosed},

	"probes/psi-old":    {PointArrived, PointClosed},
	"probes/uprobe-old": {PointDispatched, PointLogs},
}

// StopwatchOf is that of an account, by its name and, for probes, the tier of their profile. False if it tells no
// durations, or is not known.
func StopwatchOf(account, tier string) (Stopwatch, bool) {
	if account == "probes" {
		account += "/" + tier
	}
	w, ok := stopwatches[account]
	return w, ok
}

// leg is a point and the step that leads to it.
type leg struct {
	to  Point
	via Step
}

// begins leads up to the statement. ends leads from it on, in the server, and answers to the client: these two go on
// at the same time.
var (
	begins = []leg{
		{PointSends, ""}, {PointRequest, "the client's driver and kernel"}, {PointArrived, "the network and waking the server's thread"},
		{PointDispatched, "reading the rest of the packet"}, {PointClockSet, "setting up the command"},
	}
	ends = []leg{
		{PointExecuted, ""}, {PointAudited, "sending the end of the answer"}, {PointLogs, "telling audit plugins"},
		{PointClosed, "writing logs and cleaning up"},
	}
	answers = []leg{
		{PointExecuted, ""}, {PointAnswer, "sending the end of the answer"}, {PointAnswered, "the network, waking the client, its driver"},
	}
)

// ExecutionStopwatchOf is that for executions of prepared statements. MariaDB considers the slow log for them before it has sent
// the end of the answer (Prepared_statement::execute in sql/sql_prepare.cc), which is where a tier of probes stops.
func ExecutionStopwatchOf(account, tier, product string) (Stopwatch, bool) {
	w, ok := StopwatchOf(account, tier)
	if w.Stop == PointLogs && product == "MariaDB" {
		w.Stop = PointExecuted
	}
	return w, ok
}

// Between says what one of two stopwatches has in it and the other one has not: before the statement and after
// it. More are the steps that a has more, less those that b has more.
func Between(a, b Stopwatch) (more, less []Step) {
	more, less = gap(begins, a.Start, b.Start)
	more, less = less, more // who starts later has less
	x, y := path(a.Stop), path(b.Stop)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	return append(more, x...), append(less, y...)
}

// gap is what lies between two points on a line, if the first is the later one, or the other way round.
func gap(line []leg, a, b Point) (ofA, ofB []Step) {
	x, y := place(line, a), place(line, b)
	return steps(line, y, x), steps(line, x, y)
}

func place(line []leg, p Point) int {
	for i, l := range line {
		if l.to == p {
			return i
		}
	}
	return -1
}

func steps(line []leg, from, to int) (all []Step) {
	for i := from + 1; i <= to; i++ {
		all = append(all, line[i].via)
	}
	return all
}

// path leads from the statement to a point.
func path(p Point) []Step {
	if i := place(ends, p); i >= 0 {
		return steps(ends, 0, i)
	}
	return steps(answers, 0, place(answers, p))
}

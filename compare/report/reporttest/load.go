// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/spanbridge/spanbridge/compare"
)

// epoch is when the made-up load ran.
var epoch = time.Date(2026, 11, 26, 5, 30, 0, 0, time.UTC)

const (
	connections = 8
	each        = 250 // statements of a connection
)

// Attack is a statement whose author wants to get out of what it is shown in.
const Attack = "select /*</script><script>document.title='owned'</script>*/ `<img src=x onerror=alert(?)>`, `\x1b]0;owned\x07\u202e` from `{{.}}` where a = ?"

// shapes are the statements of the load; micros is the median of their duration.
var shapes = []struct {
	text     string
	micros   float64
	kind     compare.Kind
	sent     uint64
	affected uint64
	examined uint64
	err      uint32
	sqlstate string
}{
	{text: "SELECT c FROM sbtest1 WHERE id = ?", micros: 85, kind: compare.Execute, sent: 1, examined: 1},
	{text: "SELECT c FROM sbtest1 WHERE id BETWEEN ? AND ? ORDER BY c", micros: 420, kind: compare.Execute, sent: 100, examined: 200},
	{text: "UPDATE sbtest1 SET k = k + ? WHERE id = ?", micros: 1100, kind: compare.Execute, affected: 1, examined: 1},
	{text: "INSERT INTO orders (customer, total, placed_at) VALUES (?, ?, NOW())", micros: 900, affected: 1},
	{text: "SELECT o.id, o.total FROM orders o JOIN customers c ON c.id = o.customer WHERE c.name = ? ORDER BY o.placed_at DESC LIMIT ?",
		micros: 2600, sent: 20, examined: 5400},
	{text: "SELECT nothing FROM nowhere", micros: 60, err: 1146, sqlstate: "42S02"},
	{text: "SELEC ?", micros: 30, err: 1064, sqlstate: "42000"},
	{text: Attack, micros: 45, err: 1054, sqlstate: "42S22"},
}

// weights say how often a shape comes.
var weights = []int{48, 14, 14, 10, 8, 3, 2, 1}

// server makes up what a server did, as it sees it.
func server(r *rand.Rand) []compare.Statement {
	var all []compare.Statement
	for c := range connections {
		at := epoch.UnixNano() + int64(r.ExpFloat64()*1e6)
		for range each {
			at += int64((0.2 + r.ExpFloat64()) * 5e6)
			s := statement(r)
			s.Connection, s.Start, s.Ref = uint64(40+c), at, uint64(len(all)+1)
			all = append(all, s)
			at += int64(s.Duration)
		}
	}
	return all
}

// statement draws one, with a duration that scatters as those of servers do.
func statement(r *rand.Rand) compare.Statement {
	n, i := r.IntN(100), 0
	for n >= weights[i] {
		n -= weights[i]
		i++
	}
	shape := &shapes[i]
	micros := shape.micros * math.Exp(0.35*r.NormFloat64())
	if r.IntN(200) == 0 {
		micros += 8000 * r.ExpFloat64() // a wait for a lock or a disk
	}
	return compare.Statement{
		Kind: shape.kind, Duration: time.Duration(micros * 1e3), LockTime: time.Duration(3e3 * (0.5 + r.Float64())), Text: shape.text,
		Error: shape.err, SQLState: shape.sqlstate, Sent: shape.sent, Affected: shape.affected, Examined: shape.examined,
		Database: "shop", User: "app",
	}
}

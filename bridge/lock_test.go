// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	slotLock, slotObject, slotTable, slotIndex = 0, 1, 2, 3

	opLock = 40
)

// lockOperation is an inner operation that waits for locks.
var lockOperation = &Operation{
	Name: "wait", SpanName: "wait", Tier: "uprobe", Inline: true,
	Fields: []Field{
		{Name: "index", Attr: "spanbridge.lock.index", Type: FieldString, Slot: slotIndex, OmitZero: true},
		{Name: "blocker", Attr: "spanbridge.lock.blocker.connection.id", Slot: 4, OmitZero: true},
		{Name: "type", Slot: 0},
		{Name: "lock", Type: FieldString, Slot: slotLock, Role: RoleLock},
		{Name: "object", Type: FieldKey, Slot: slotObject, Role: RoleObject},
		{Name: "table", Type: FieldString, Slot: slotTable, Role: RoleTable},
	},
}

// lockDirectory has that operation beside those of all tests.
type lockDirectory struct{ Directory }

func (d lockDirectory) Operation(op uint16) *Operation {
	if op == opLock {
		return lockOperation
	}
	return d.Directory.Operation(op)
}

func newLockAssembler() *Assembler {
	a := newAssembler(AssemblerConfig{})
	a.dir = lockDirectory{a.dir}
	return a
}

// waits makes a record whose statement waits for a lock.
func waits(lock, object, table, index string, blocker uint64) func(*Record) {
	return func(r *Record) {
		r.Entries = []Entry{{Op: opLock, Depth: 1, StartNs: 2000, DurationNs: 1000, Value: 5}}
		other := Detail{StartNs: 1999, Values: [DetailValues]uint64{4: 99}}
		d := Detail{StartNs: 2000, Values: [DetailValues]uint64{4: blocker}}
		for slot, name := range map[int]string{slotLock: lock, slotObject: object, slotTable: table, slotIndex: index} {
			d.Names[slot] = []byte(name)
		}
		r.Details = []Detail{other, d}
	}
}

func TestWaitsTellWhatIsLocked(t *testing.T) {
	for _, test := range []struct {
		name                       string
		lock, object, table, index string
		blocker                    uint64
		want                       map[string]string
	}{
		{"a table", "Waiting for table metadata lock", "\x04shop\x00items\x00rest", "", "", 17, map[string]string{
			"spanbridge.lock.type": "table", "db.namespace": "shop", "db.collection.name": "items", "spanbridge.lock.blocker.connection.id": "17",
		}},
		{"a schema", "Waiting for schema metadata lock", "\x03shop\x00\x00", "", "", 0, map[string]string{
			"spanbridge.lock.type": "schema", "db.namespace": "shop",
		}},
		{"a function, whose name is a sort key", "Waiting for stored function metadata lock", "\x05shop\x00\x1c\x47\x00", "", "", 0, map[string]string{
			"spanbridge.lock.type": "stored function", "db.namespace": "shop",
		}},
		{"a table whose name is cut", "Waiting for table metadata lock", "\x04shop\x00" + strings.Repeat("x", 150), "", "", 0, map[string]string{
			"spanbridge.lock.type": "table", "db.namespace": "shop",
		}},
		{"all tables", "Waiting for global read lock", "\x00\x00\x00", "", "", 17, map[string]string{
			"spanbridge.lock.type": "global read", "spanbridge.lock.blocker.connection.id": "17",
		}},
		{"what a user made up", "User lock", "\x0a\x00jane\x00", "", "", 17, map[string]string{
			"spanbridge.lock.type": "user", "spanbridge.lock.blocker.connection.id": "17",
		}},
		{"what a user of the locking service made up", "Waiting for locking service lock", "\x0bjane\x00doe\x00", "", "", 0, map[string]string{
			"spanbridge.lock.type": "locking service",
		}},
		{"a table that is closed", "Waiting for table flush", "", "", "", 0, map[string]string{"spanbridge.lock.type": "table flush"}},
		{"a key of which nothing is known", "", "\x04shop\x00items\x00", "", "", 0, map[string]string{}},
		{"a row", "", "", "shop/items", "PRIMARY", 17, map[string]string{
			"db.namespace": "shop", "db.collection.name": "items", "spanbridge.lock.index": "PRIMARY", "spanbridge.lock.blocker.connection.id": "17",
		}},
		{"a row of a partition", "", "", "my@002dshop/@00fcber#p#p0#sp#s1", "", 0, map[string]string{
			"db.namespace": "my-shop", "db.collection.name": "über",
		}},
		{"a name that is not decoded", "", "", "shop/@Qx", "", 0, map[string]string{"db.namespace": "shop"}},
		{"several in the way", "", "", "", "", math.MaxUint64, map[string]string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newLockAssembler()
			a.Add(whole("SELECT a FROM t", waits(test.lock, test.object, test.table, test.index, test.blocker)))
			if len(a.Spans()) != 2 {
				t.Fatalf("%d spans", len(a.Spans()))
			}
			got := attrsOf(&a.Spans()[1])
			delete(got, "spanbridge.tier")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAHeldStatementOwnsItsDetails overwrites what a record referred to before the
// statement around it is known.
func TestAHeldStatementOwnsItsDetails(t *testing.T) {
	a := newLockAssembler()
	inner := whole("UPDATE t SET a = 1", waits("", "", "shop/items", "", 17), func(r *Record) { r.Seq, r.ParentSeq = 2, 1 })
	a.Add(inner)
	copy(inner.Details[1].Names[slotTable], "gone/gone!")
	inner.Details[1].StartNs = 7
	a.Add(whole("CALL p()", func(r *Record) { r.Seq = 1 }))
	for _, s := range a.Spans() {
		if s.Name == "wait" && attrsOf(&s)["db.collection.name"] == "items" {
			return
		}
	}
	t.Errorf("no wait tells of its table: %+v", a.Spans())
}

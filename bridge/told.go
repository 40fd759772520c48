// SPDX-License-Identifier: Apache-2.0

package bridge

import "github.com/spanbridge/spanbridge/bridge/sqltext"

// told is what the captures with a role tell of a record.
type told struct {
	number        uint64 // the server's error number
	status        uint32 // what the kernel side has in the histogram
	sqlstate      string // valid, or empty
	message       []byte // valid until the source's next record, as are all views
	context       []byte // a traceparent that came beside the text
	connection    connectionKey
	hasConnection bool
	isOld         bool   // the text is from when the statement was prepared
	boundary      uint64 // between the phases, CLOCK_MONOTONIC in nanoseconds; 0: none
}

// listen gathers what the captures with a role tell.
func (a *Assembler) listen(r *Record, op *Operation, instance *Instance) (t told) {
	for i := range op.Fields {
		switch f := &op.Fields[i]; f.Role {
		case RoleErrorNumber:
			t.number = r.Values[f.Slot]
			t.status = uint32(t.number)
		case RoleSQLState:
			t.sqlstate = a.sqlstate(f, r)
			if f.Type != FieldString && t.status == 0 {
				t.status = uint32(r.Values[f.Slot])
			}
		case RoleMessage:
			t.message = r.Strings[f.Slot]
		case RoleContext:
			t.context = r.Strings[f.Slot]
		case RoleConnection:
			t.connection, t.hasConnection = connectionKey{instance, r.Values[f.Slot]}, true
		case RoleCurrent:
			t.isOld = r.Values[f.Slot] == 0
		case RoleBoundary:
			t.boundary = r.Values[f.Slot]
		}
	}
	return t
}

// private reports whether a field of that role is no attribute by itself: a
// message quotes data, and the others serve other parts of a span.
func (role Role) private() bool {
	switch role {
	case RoleMessage, RoleContext, RoleBoundary, RoleCurrent, RoleSQLState, RoleLock, RoleObject, RoleTable:
		return true
	}
	return false
}

// namespace returns the current database of a record, or what the metric tells
// apart.
func (a *Assembler) namespace(r *Record, op *Operation) string {
	if op.By != nil && !op.By.Type.text() {
		return op.By.Text(r.Values[op.By.Slot])
	}
	for i := range op.Fields {
		if f := &op.Fields[i]; f.Role == RoleNamespace || f == op.By {
			a.name = sqltext.ValidUTF8(a.name[:0], r.Strings[f.Slot])
			return a.names.text(a.name)
		}
	}
	return ""
}

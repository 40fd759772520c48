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
	if len(op.By) > 0 {
		return a.told(r, op.By)
	}
	for i := range op.Fields {
		if f := &op.Fields[i]; f.Role == RoleNamespace {
			a.name = sqltext.ValidUTF8(a.name[:0], r.Strings[f.Slot])
			return a.names.text(a.name)
		}
	}
	return ""
}

// told joins the texts of fields, as the source does for a series.
func (a *Assembler) told(r *Record, fields []*Field) string {
	a.name = a.name[:0]
	for i, f := range fields {
		if i > 0 {
			a.name = append(a.name, SeriesSeparator...)
		}
		if f.Type.text() {
			a.name = sqltext.ValidUTF8(a.name, r.Strings[f.Slot])
		} else {
			a.name = append(a.name, f.SeriesText(r.Values[f.Slot])...)
		}
	}
	return a.names.text(a.name)
}

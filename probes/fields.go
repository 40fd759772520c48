// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// operationFields maps captures to attributes and roles. What no tier captures
// gives no field.
func operationFields(op *catalog.Operation, tier *catalog.Tier, s catalog.Slots, missing map[string]string) (fields []bridge.Field, constants []bridge.Attr) {
	types := make(map[string]catalog.Type)
	for _, probe := range tier.Probes() {
		for _, c := range probe.Captures {
			if missing[c.Name] == "" {
				types[c.Name] = c.Type
			}
		}
	}
	mapped := make(map[string]bool)
	errnos := make(map[string]bool)
	for _, probe := range tier.Probes() {
		for _, c := range probe.Captures {
			errnos[c.Name] = errnos[c.Name] || c.Errno
		}
	}
	for _, a := range op.Attributes {
		if a.Value != nil {
			constants = append(constants, a.Value.Attr(a.Key))
			continue
		}
		t, ok := types[a.Capture]
		if !ok || t == catalog.TypeSQL {
			continue
		}
		mapped[a.Capture] = true
		f := newField(a.Capture, t, &op.Roles, s)
		f.Attr, f.OmitZero, f.Names, f.Raw = a.Key, a.OmitZero, a.Names, a.Raw
		if a.Table != "" {
			f.Names = tables[a.Table]()
		}
		fields = append(fields, f)
	}
	for _, probe := range tier.Probes() {
		for _, c := range probe.Captures {
			if !mapped[c.Name] && c.Type != catalog.TypeSQL && missing[c.Name] == "" {
				mapped[c.Name] = true
				fields = append(fields, newField(c.Name, c.Type, &op.Roles, s))
			}
		}
	}
	for i := range fields {
		if errnos[fields[i].Name] && fields[i].Names == nil {
			fields[i].Names = errnoNames()
		}
	}
	return fields, constants
}

// errnoNames are the names of the kernel's error numbers, such as ENOENT.
var errnoNames = sync.OnceValue(func() map[uint64]string {
	const last = 133 // EHWPOISON, include/uapi/asm-generic/errno.h
	names := make(map[uint64]string)
	for n := 1; n <= last; n++ {
		if name := unix.ErrnoName(syscall.Errno(n)); name != "" {
			names[uint64(n)] = name
		}
	}
	// Calls that begin anew after a signal; no program sees them (include/linux/errno.h).
	for n, name := range map[uint64]string{
		512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK",
	} {
		names[n] = name
	}
	return names
})

// tables are the kernel's names for numbers, by the names of profiles.
var tables = map[catalog.Table]func() map[uint64]string{
	catalog.TableDevices: deviceNames, catalog.TableErrors: errnoNames, catalog.TableStatuses: statusNames, catalog.TableSyscalls: syscallNames,
}

// statusNames are those of how processes end, as wait(2) tells it: the code with
// which a process exits is above the lowest byte, and a signal that ends it in the
// lowest, with a bit added if it left a core.
var statusNames = sync.OnceValue(func() map[uint64]string {
	const codes, signals, core = 256, 64, 0x80
	names := make(map[uint64]string)
	for n := range uint64(codes) {
		names[n<<8] = strconv.FormatUint(n, 10)
	}
	for n := uint64(1); n <= signals; n++ {
		name := unix.SignalName(syscall.Signal(n))
		if name == "" {
			name = "signal " + strconv.FormatUint(n, 10)
		}
		names[n], names[n|core] = name, name
	}
	return names
})

func newField(name string, t catalog.Type, roles *catalog.Roles, s catalog.Slots) bridge.Field {
	f := bridge.Field{Name: name, Type: bridge.FieldUint}
	switch {
	case t == catalog.TypeAddress:
		f.Type, f.Slot = bridge.FieldAddress, s.String(name)
	case t == catalog.TypeArguments:
		f.Type, f.Slot = bridge.FieldArguments, s.String(name)
	case t == catalog.TypeMDLKey:
		f.Type, f.Slot = bridge.FieldKey, s.String(name)
	case t.Text():
		f.Type, f.Slot = bridge.FieldString, s.String(name)
	case t.Signed():
		f.Type, f.Slot = bridge.FieldInt, s.Value(name)
	default:
		f.Slot = s.Value(name)
	}
	f.Role = fieldRole(name, roles)
	return f
}

// fieldRole is what a capture means to the bridge.
func fieldRole(name string, roles *catalog.Roles) bridge.Role {
	switch name {
	case roles.Namespace:
		return bridge.RoleNamespace
	case roles.Failed:
		return bridge.RoleFailed
	case roles.Error:
		return bridge.RoleErrorNumber
	case roles.Message:
		return bridge.RoleMessage
	case roles.SQLState:
		return bridge.RoleSQLState
	case roles.Connection:
		return bridge.RoleConnection
	case roles.Context:
		return bridge.RoleContext
	case roles.Boundary:
		return bridge.RoleBoundary
	case roles.Lock:
		return bridge.RoleLock
	case roles.Object:
		return bridge.RoleObject
	case roles.Table:
		return bridge.RoleTable
	case roles.Current:
		return bridge.RoleCurrent
	}
	return bridge.RoleNone
}

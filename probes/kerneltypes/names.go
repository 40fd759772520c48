// SPDX-License-Identifier: Apache-2.0

package kerneltypes

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// TypeName returns a type as C would write it, near enough to be known again.
func TypeName(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Void:
		return "void"
	case *btf.Pointer:
		if _, ok := btf.UnderlyingType(t.Target).(*btf.FuncProto); ok {
			return "function *"
		}
		return TypeName(t.Target) + " *"
	case *btf.Const:
		return "const " + TypeName(t.Type)
	case *btf.Volatile:
		return "volatile " + TypeName(t.Type)
	case *btf.Restrict:
		return TypeName(t.Type)
	case *btf.TypeTag:
		return TypeName(t.Type)
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", TypeName(t.Type), t.Nelems)
	case *btf.Struct:
		return tagged("struct", t.Name)
	case *btf.Union:
		return tagged("union", t.Name)
	case *btf.Enum:
		return tagged("enum", t.Name)
	case *btf.Fwd:
		return tagged(t.Kind.String(), t.Name)
	}
	return t.TypeName()
}

func tagged(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + " " + name
}

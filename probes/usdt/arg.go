// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"debug/elf"
	"fmt"
	"strings"
)

// ArgKind says where an argument's value is.
type ArgKind uint8

const (
	// Unavailable is an argument that cannot be read; Reason says why.
	Unavailable ArgKind = iota
	// Const has the value Disp.
	Const
	// InRegister has the value of the register Base.
	InRegister
	// Memory is at Base + Disp.
	Memory
	// Indexed is at Base + Index<<Shift + Disp.
	Indexed
)

// String returns the kind in lower case.
func (k ArgKind) String() string {
	switch k {
	case Unavailable:
		return "unavailable"
	case Const:
		return "const"
	case InRegister:
		return "register"
	case Memory:
		return "memory"
	case Indexed:
		return "indexed"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Arg says how to read one argument of a site. Sums of registers and Disp
// wrap at 64 bits. The value is the low Size bytes of what is found there,
// widened with zeros or, if Signed, with the sign.
type Arg struct {
	Kind ArgKind
	// Size is in bytes: 1, 2, 4 or 8 unless Kind is Unavailable. It governs,
	// whatever the width of the register's name (sys/sdt.h, PR24541).
	Size int
	// Signed is true for a signed integer.
	Signed bool
	// Float is true for a floating-point number; the bytes read are its
	// IEEE 754 form.
	Float bool
	// High means the second byte of Base, as in %ah. Kind is InRegister
	// and Size 1.
	High bool
	// Base is set for InRegister, Memory and Indexed; NoRegister only for an
	// Indexed operand without base. Base RIP is the run-time address of the
	// site: it comes from operands that name a symbol, and Disp is then the
	// distance from the site to the symbol, the same wherever the file is
	// loaded.
	Base Register
	// Index is set for Indexed.
	Index Register
	// Shift is the binary logarithm of the index's scale, 0 to 4.
	Shift uint8
	// Disp is the displacement in bytes of Memory and Indexed, or the value
	// of Const.
	Disp int64
	// Reason says why Kind is Unavailable.
	Reason string
	// Text is the argument as in the note.
	Text string
}

// String returns Text, as the note has it.
func (a Arg) String() string { return a.Text }

// Format returns the argument in the canonical notation of the machine, with
// symbols resolved. [ParseArgs] reads it back as an equal argument, but for
// Text. An address relative to the site is written with "." for the site, as
// in 4@.+16(%rip). An unavailable argument is formatted as its Text.
func (a Arg) Format(machine elf.Machine) string {
	if a.Kind == Unavailable {
		return a.Text
	}
	var b strings.Builder
	if a.Signed {
		b.WriteByte('-')
	}
	fmt.Fprintf(&b, "%d", a.Size)
	if a.Float {
		b.WriteByte('f')
	}
	b.WriteByte('@')
	if machine == elf.EM_AARCH64 {
		a.formatARM64(&b)
	} else {
		a.formatX86(&b)
	}
	return b.String()
}

func (a Arg) formatX86(b *strings.Builder) {
	name := func(r Register) string {
		if r == NoRegister {
			return ""
		}
		return "%" + r.Name(elf.EM_X86_64)
	}
	switch {
	case a.Kind == Const:
		fmt.Fprintf(b, "$%d", a.Disp)
	case a.Kind == InRegister && a.High && a.Base >= 0 && int(a.Base) < len(x86High):
		b.WriteString("%" + x86High[a.Base])
	case a.Kind == InRegister:
		b.WriteString(name(a.Base))
	case a.Kind == Memory && a.Base == RIP:
		fmt.Fprintf(b, ".%+d(%%rip)", a.Disp)
	case a.Kind == Memory:
		fmt.Fprintf(b, "%d(%s)", a.Disp, name(a.Base))
	case a.Kind == Indexed:
		fmt.Fprintf(b, "%d(%s,%s,%d)", a.Disp, name(a.Base), name(a.Index), 1<<a.Shift)
	}
}

func (a Arg) formatARM64(b *strings.Builder) {
	base := a.Base.Name(elf.EM_AARCH64)
	switch a.Kind {
	case Const:
		fmt.Fprintf(b, "%d", a.Disp)
	case InRegister:
		b.WriteString(base)
	case Memory:
		fmt.Fprintf(b, "[%s, %d]", base, a.Disp)
	case Indexed:
		fmt.Fprintf(b, "[%s, %s, lsl %d]", base, a.Index.Name(elf.EM_AARCH64), a.Shift)
	}
}

// SPDX-License-Identifier: Apache-2.0

package kerneltypes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Chain is how to come from a value to a field behind it: each load reads a
// pointer, the last one the value itself.
type Chain struct {
	Loads []int // offsets
	// Add is added at the end: the value is an address inside a structure.
	Add int
	// Size is of the value in bytes, 0 if it is a structure or an array.
	Size   int
	Signed bool
	// Text is whether bytes of a string are where the value points to, or lies.
	Text bool
	// Bytes are of the array or structure that lies at the address, 0 otherwise.
	Bytes int
}

// Behind returns the chain from the address of a structure of that name to a field.
func (t *Types) Behind(structure, path string) (Chain, error) {
	var s *btf.Struct
	if err := t.spec.TypeByName(structure, &s); err != nil {
		return Chain{}, fmt.Errorf("struct %s: %w", structure, err)
	}
	return t.walk(&btf.Pointer{Target: s}, strings.Split(path, "."))
}

// Cast returns the chain from a pointer of unknown type along a path that begins
// with the type, as in (tcp_sock).bytes_acked.
func (t *Types) Cast(path string) (Chain, error) {
	return t.walk(&btf.Pointer{Target: (*btf.Void)(nil)}, strings.Split(path, "."))
}

// Chain returns the chain from the argument with which the path begins, and the
// number of that argument.
func (f *Function) Chain(path string) (int, Chain, error) {
	names := strings.Split(path, ".")
	n := f.Find(names[0])
	if n < 0 {
		return 0, Chain{}, fmt.Errorf("%s has no argument %s%s", f.Name, names[0], among(f.Names()))
	}
	chain, err := f.types.walk(f.Args[n].Type, names[1:])
	return n, chain, err
}

// Result returns the chain of the result itself.
func (f *Function) Result() (Chain, error) { return f.types.walk(f.Returns, nil) }

// Argument returns the chain of an argument itself.
func (f *Function) Argument(n int) (Chain, error) {
	if n >= len(f.Args) {
		return Chain{}, fmt.Errorf("%s has %d arguments", f.Name, len(f.Args))
	}
	return f.types.walk(f.Args[n].Type, nil)
}

func among(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", it has " + strings.Join(names, ", ")
}

// walker is on the way from a value to a field.
type walker struct {
	types *Types
	at    btf.Type // what is here
	chain Chain
	// address: the value so far is the address of a structure, plus offset.
	address bool
	offset  int
}

// walk follows names of members, or numbers of elements of arrays. The value is
// one of that type.
func (t *Types) walk(from btf.Type, names []string) (Chain, error) {
	w := &walker{types: t, at: btf.UnderlyingType(from)}
	for _, name := range names {
		if err := w.step(name); err != nil {
			return Chain{}, err
		}
	}
	return w.end()
}

func (w *walker) step(name string) error {
	if to, ok := strings.CutPrefix(name, "("); ok {
		return w.cast(strings.TrimSuffix(to, ")"))
	}
	if err := w.follow(); err != nil {
		return err
	}
	switch t := w.at.(type) {
	case *btf.Struct:
		return w.member(t.Name, t.Members, name)
	case *btf.Union:
		return w.member(t.Name, t.Members, name)
	case *btf.Array:
		n, err := strconv.ParseUint(name, 10, 31)
		if err != nil || t.Nelems != 0 && n >= uint64(t.Nelems) {
			return fmt.Errorf("%q is no element of an array of %d", name, t.Nelems)
		}
		size, err := btf.Sizeof(t.Type)
		if err != nil {
			return err
		}
		w.offset += int(n) * size
		w.at = btf.UnderlyingType(t.Type)
		return nil
	}
	return fmt.Errorf("%s: there is nothing behind a %s", name, describe(w.at))
}

// cast takes the pointer at hand for one to a structure of that name: a struct
// sock that is part of a struct tcp_sock.
func (w *walker) cast(to string) error {
	if _, ok := w.at.(*btf.Pointer); !ok {
		return fmt.Errorf("(%s): a %s is no pointer", to, describe(w.at))
	}
	var s *btf.Struct
	if err := w.types.spec.TypeByName(to, &s); err != nil {
		return fmt.Errorf("struct %s: %w", to, err)
	}
	w.at = &btf.Pointer{Target: s}
	return nil
}

// follow goes through a pointer, if there is one.
func (w *walker) follow() error {
	p, ok := w.at.(*btf.Pointer)
	if !ok {
		if !w.address {
			return fmt.Errorf("there is nothing behind a %s", describe(w.at))
		}
		return nil
	}
	if w.address {
		w.chain.Loads = append(w.chain.Loads, w.offset)
	}
	w.address, w.offset = true, 0
	w.at = btf.UnderlyingType(p.Target)
	if f, ok := w.at.(*btf.Fwd); ok {
		return fmt.Errorf("the kernel does not tell what a %s %s is", f.Kind, f.Name)
	}
	return nil
}

func (w *walker) member(of string, members []btf.Member, name string) error {
	m, offset, ok := find(members, name)
	if !ok {
		return fmt.Errorf("struct %s has no member %s", of, name)
	}
	if m.BitfieldSize != 0 {
		return fmt.Errorf("%s of struct %s is a bit field", name, of)
	}
	w.offset += offset
	w.at = btf.UnderlyingType(m.Type)
	return nil
}

// find looks for a member, also in members without a name.
func find(members []btf.Member, name string) (btf.Member, int, bool) {
	for _, m := range members {
		if m.Name == name {
			return m, int(m.Offset.Bytes()), true
		}
		if m.Name != "" {
			continue
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if found, offset, ok := find(inner, name); ok {
			return found, int(m.Offset.Bytes()) + offset, true
		}
	}
	return btf.Member{}, 0, false
}

// end reads the value, or tells its address.
func (w *walker) end() (Chain, error) {
	size, err := btf.Sizeof(w.at)
	if err != nil {
		return Chain{}, err
	}
	switch t := w.at.(type) {
	case *btf.Int:
		w.chain.Size, w.chain.Signed = size, t.Encoding == btf.Signed
	case *btf.Enum:
		w.chain.Size, w.chain.Signed = size, t.Signed
	case *btf.Pointer:
		w.chain.Size, w.chain.Text = size, isChar(t.Target)
	case *btf.Array:
		w.chain.Text, w.chain.Bytes = isChar(t.Type), size
	case *btf.Struct, *btf.Union:
		w.chain.Bytes = size
	case *btf.Void:
		return Chain{}, errors.New("it returns nothing")
	default:
		return Chain{}, fmt.Errorf("a %s is no value", describe(w.at))
	}
	if w.chain.Size > 8 {
		return Chain{}, fmt.Errorf("a value of %d bytes is too large", w.chain.Size)
	}
	switch {
	case !w.address && w.chain.Size == 0:
		return Chain{}, fmt.Errorf("a %s passed by value is not read", describe(w.at))
	case w.address && w.chain.Size != 0:
		w.chain.Loads = append(w.chain.Loads, w.offset)
	case w.address:
		w.chain.Add = w.offset
	}
	return w.chain, nil
}

func isChar(t btf.Type) bool {
	i, ok := btf.UnderlyingType(t).(*btf.Int)
	return ok && i.Size == 1
}

func describe(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Struct:
		return "struct " + t.Name
	case *btf.Union:
		return "union " + t.Name
	case *btf.Pointer:
		return "pointer"
	case *btf.Int:
		return "number"
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", t), "*btf."))
}

// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// parseX86 reads an operand in AT&T syntax (GNU as manual, "i386-Memory"):
// $number, %register, disp(base), disp(base,index,scale), symbol+disp(%rip).
func (a *Arg) parseX86(s string, at *Place) error {
	switch {
	case s == "":
		return errors.New("missing operand")
	case s[0] == '$':
		return a.parseX86Immediate(s[1:], at)
	case strings.HasPrefix(s, "%") && strings.Contains(s, ":"):
		return fmt.Errorf("segment of %s is not known at a probe", s)
	case s[0] == '%':
		r, err := parseX86Register(s[1:])
		a.Kind, a.Base, a.High = InRegister, r.number, r.high
		return err
	}
	disp, inside, memory := cutLast(s, "(")
	if !memory {
		return a.parseX86Absolute(s, at)
	}
	inside, closed := strings.CutSuffix(inside, ")")
	if !closed {
		return errors.New("text after the closing bracket")
	}
	var e expression
	if disp != "" {
		var err error
		if e, err = parseExpression(disp); err != nil {
			return err
		}
	}
	if strings.TrimSpace(inside) == "%rip" {
		return a.relative(e, at)
	}
	if e.symbol != "" {
		if err := e.resolveFixed(at); err != nil {
			return err
		}
	}
	a.Disp = e.number
	return a.parseX86Registers(strings.Split(inside, ","))
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func (a *Arg) parseX86Immediate(s string, at *Place) error {
	e, err := parseExpression(s)
	if err != nil {
		return err
	}
	if e.symbol != "" {
		if err := e.resolveFixed(at); err != nil {
			return err
		}
	}
	a.Kind, a.Disp = Const, e.number
	return nil
}

// parseX86Absolute reads an operand without registers, which is the memory at
// a symbol. A lone number is refused: as AT&T syntax it would be an address,
// but no compiler puts a variable there, so its writer meant something else.
func (a *Arg) parseX86Absolute(s string, at *Place) error {
	e, err := parseExpression(s)
	if err != nil {
		return err
	}
	if e.symbol == "" {
		return errors.New("number without $ or register")
	}
	return a.relative(e, at)
}

// relative makes the operand memory at a distance from the site.
func (a *Arg) relative(e expression, at *Place) error {
	switch e.symbol {
	case "":
		return errors.New("%rip without a symbol")
	case here:
		a.Disp = e.number
	default:
		address, err := at.lookup(e.symbol)
		if err != nil {
			return err
		}
		a.Disp = int64(address) + e.number - int64(at.Address)
	}
	a.Kind, a.Base = Memory, RIP
	return nil
}

// resolveFixed turns the symbol into its address, which is the run-time
// address only in a file with fixed addresses.
func (e *expression) resolveFixed(at *Place) error {
	if at == nil || !at.Fixed || e.symbol == here {
		return fmt.Errorf("address of %s is not fixed", e.symbol)
	}
	address, err := at.lookup(e.symbol)
	if err != nil {
		return err
	}
	e.symbol, e.number = "", e.number+int64(address)
	return nil
}

// parseX86Registers reads base, index and scale.
func (a *Arg) parseX86Registers(parts []string) error {
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	var err error
	if a.Base = NoRegister; parts[0] != "" {
		if a.Base, err = x86AddressRegister(parts[0]); err != nil {
			return err
		}
	}
	switch {
	case len(parts) > 3:
		return errors.New("more than base, index and scale")
	case len(parts) == 1 && a.Base == NoRegister:
		return errors.New("missing base")
	case len(parts) == 1:
		a.Kind = Memory
		return nil
	}
	a.Kind = Indexed
	if a.Index, err = x86AddressRegister(parts[1]); err != nil {
		return err
	}
	if a.Index == RSP {
		return errors.New("%rsp cannot be an index")
	}
	if len(parts) < 3 {
		return nil
	}
	scale, err := strconv.ParseUint(parts[2], 10, 8)
	if err != nil || scale > 8 || bits.OnesCount64(scale) != 1 {
		return fmt.Errorf("bad scale %q", parts[2])
	}
	a.Shift = uint8(bits.TrailingZeros64(scale))
	return nil
}

func x86AddressRegister(s string) (Register, error) {
	name, ok := strings.CutPrefix(s, "%")
	if !ok {
		return 0, fmt.Errorf("%q is not a register", s)
	}
	r, err := parseX86Register(name)
	if err != nil {
		return 0, err
	}
	if r.bits != 64 || r.number == RIP {
		return 0, fmt.Errorf("register %s cannot be part of this address", s)
	}
	return r.number, nil
}

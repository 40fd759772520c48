// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseARM64 reads number, register, [base], [base, number], [base, index],
// [base, index, lsl shift] and [base, #:lo12:symbol]. GCC writes constants
// without the # that the assembler wants; both are read.
func (a *Arg) parseARM64(s string, at *Place) error {
	s = strings.TrimSpace(s)
	if inside, ok := strings.CutPrefix(s, "["); ok {
		inside, closed := strings.CutSuffix(inside, "]")
		if !closed {
			return errors.New("text after the closing bracket")
		}
		return a.parseARM64Address(strings.Split(inside, ","), at)
	}
	if n, ok, err := arm64Number(s); ok {
		a.Kind, a.Disp = Const, n
		return err
	}
	r, err := parseARM64Register(s)
	if err != nil {
		return err
	}
	if r.zero {
		a.Kind = Const
		return nil
	}
	a.Kind, a.Base = InRegister, r.number
	return nil
}

// arm64Number reads a constant; ok is false if s does not begin like one.
func arm64Number(s string) (n int64, ok bool, err error) {
	digits, hash := strings.CutPrefix(s, "#")
	if !hash && (s == "" || isLetter(s[0])) {
		return 0, false, nil
	}
	e, err := parseExpression(digits)
	if err == nil && e.symbol != "" {
		err = fmt.Errorf("symbol %s without a register", e.symbol)
	}
	return e.number, true, err
}

func (a *Arg) parseARM64Address(parts []string, at *Place) error {
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	base, err := parseARM64Register(parts[0])
	if err != nil {
		return err
	}
	if base.bits != 64 || base.zero {
		return fmt.Errorf("register %s cannot be a base", parts[0])
	}
	a.Kind, a.Base = Memory, base.number
	if len(parts) == 1 {
		return nil
	}
	if symbol, ok := strings.CutPrefix(strings.TrimPrefix(parts[1], "#"), ":lo12:"); ok && len(parts) == 2 {
		a.Disp, err = lowBits(symbol, at)
		return err
	}
	if n, ok, err := arm64Number(parts[1]); ok && len(parts) == 2 {
		a.Disp = n
		return err
	}
	return a.parseARM64Index(parts[1:])
}

// lowBits is the offset of a symbol in its 4 KiB page, which no load bias
// changes. The base register then holds the page's run-time address.
func lowBits(symbol string, at *Place) (int64, error) {
	e, err := parseExpression(symbol)
	if err != nil {
		return 0, err
	}
	if e.symbol == "" || e.symbol == here {
		return 0, errors.New(":lo12: without a symbol")
	}
	address, err := at.lookup(e.symbol)
	if err != nil {
		return 0, err
	}
	return (int64(address) + e.number) & 0xfff, nil
}

// parseARM64Index reads the index and the modifier after it.
func (a *Arg) parseARM64Index(parts []string) error {
	index, err := parseARM64Register(parts[0])
	if err != nil {
		return err
	}
	if index.bits != 64 || index.zero || index.number == SP {
		return fmt.Errorf("register %s as an index is not supported", parts[0])
	}
	a.Kind, a.Index = Indexed, index.number
	if len(parts) == 1 {
		return nil
	}
	word, amount, _ := strings.Cut(parts[1], " ")
	if len(parts) > 2 || word != "lsl" {
		return fmt.Errorf("modifier %q is not supported", strings.Join(parts[1:], ", "))
	}
	amount = strings.TrimPrefix(strings.TrimSpace(amount), "#")
	shift, err := strconv.ParseUint(amount, 10, 8)
	if err != nil || shift > 4 {
		return fmt.Errorf("bad shift %q", amount)
	}
	a.Shift = uint8(shift)
	return nil
}

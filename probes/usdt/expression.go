// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// here is the assembler's name for the current location, in a note the site.
const here = "."

// expression is the sum of a number, which wraps at 64 bits, and at most one
// symbol.
type expression struct {
	symbol string
	number int64
}

// parseExpression reads terms joined by + and -, such as -24, 8+foo and foo-4.
func parseExpression(s string) (expression, error) {
	var e expression
	rest := s
	for first := true; first || rest != ""; first = false {
		negative, r, err := cutSign(rest, first)
		if err != nil {
			return expression{}, fmt.Errorf("parse %q: %w", s, err)
		}
		var term string
		if term, rest, err = cutTerm(r); err != nil {
			return expression{}, fmt.Errorf("parse %q: %w", s, err)
		}
		if err := e.add(term, negative); err != nil {
			return expression{}, fmt.Errorf("parse %q: %w", s, err)
		}
	}
	return e, nil
}

// cutSign takes the sign before a term; only the first may lack it. Compilers
// write the sum of a symbol and a negative number also as foo+-4.
func cutSign(s string, first bool) (negative bool, rest string, err error) {
	if r, ok := strings.CutPrefix(s, "+"); ok {
		r, negative = strings.CutPrefix(r, "-")
		return negative, r, nil
	}
	r, negative := strings.CutPrefix(s, "-")
	if !negative && !first {
		return false, "", errors.New("missing sign")
	}
	return negative, r, nil
}

// cutTerm takes a number, a symbol or a quoted symbol. The term keeps its
// quotation marks.
func cutTerm(s string) (term, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		end := strings.IndexByte(s[1:], '"')
		if end < 1 {
			return "", "", errors.New("bad quoted symbol")
		}
		return s[:end+2], s[end+2:], nil
	}
	end := strings.IndexAny(s, "+-")
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return "", "", errors.New("missing number or symbol")
	}
	return s[:end], s[end:], nil
}

func (e *expression) add(term string, negative bool) error {
	if '0' <= term[0] && term[0] <= '9' {
		n, err := parseNumber(term, negative)
		e.number += n
		return err
	}
	name, err := symbolName(term)
	if err != nil {
		return err
	}
	if negative || e.symbol != "" {
		return errors.New("not a single symbol with an offset")
	}
	e.symbol = name
	return nil
}

// parseNumber reads decimal or 0x hexadecimal digits. Numbers above the
// greatest int64 are taken as their two's complement.
func parseNumber(s string, negative bool) (int64, error) {
	base, digits := 10, s
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		base, digits = 16, hex
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("bad number %q", s)
	}
	if negative && n > -math.MinInt64 {
		return 0, fmt.Errorf("number -%s is below 64 bits", s)
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

func symbolName(term string) (string, error) {
	if quoted, ok := strings.CutPrefix(term, `"`); ok {
		return strings.TrimSuffix(quoted, `"`), nil
	}
	for i := 0; i < len(term); i++ {
		c := term[i]
		switch {
		case isLetter(c), '0' <= c && c <= '9', c >= 0x80, c == '_', c == '.', c == '$' && i > 0:
		case c == '@' && i > 0:
			// foo@GOTPCREL is where the address of foo is, not foo.
			return "", fmt.Errorf("relocation %s is not supported", term[i:])
		default:
			return "", fmt.Errorf("bad symbol %q", term)
		}
	}
	return term, nil
}

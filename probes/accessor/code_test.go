// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

const testAddress = 0x1000

// testCode is code at an address.
type testCode struct {
	address uint64
	bytes   []byte
}

func (c testCode) At(address uint64, n int) ([]byte, error) {
	if address < c.address || address-c.address >= uint64(len(c.bytes)) {
		return nil, errors.New("outside")
	}
	b := c.bytes[address-c.address:]
	return b[:min(n, len(b))], nil
}

// assembled is the code that hexadecimal text tells; what follows a semicolon
// in a line is a comment.
func assembled(t testing.TB, text string) testCode {
	t.Helper()
	var all []byte
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatalf("bytes of the test: %v in %q", err, line)
		}
		all = append(all, b...)
	}
	return testCode{testAddress, all}
}

// refusal runs a decoder that must refuse and returns the reason.
func refusal(t *testing.T, text string, machine elf.Machine, decode func(elf.Machine, Code, uint64) error) string {
	t.Helper()
	err := decode(machine, assembled(t, text), testAddress)
	if !errors.Is(err, ErrRefused) {
		t.Fatalf("decoded, or another error: %v", err)
	}
	return err.Error()
}

// load is a chain of loads, of 8 bytes but for the last.
func load(size uint8, offsets ...int32) Chain { return Chain{Offsets: offsets, Size: size} }

func address(add int64, offsets ...int32) Chain {
	return Chain{Offsets: offsets, Add: add, Size: 8}
}

// SPDX-License-Identifier: Apache-2.0

package accessor

import "debug/elf"

// DecodeHanded gives the address in the program, such as that of a callback, that
// the function at a virtual address hands to another one, the callee, as argument
// n, counted from 0. All ways to such calls, of which there must be one, have to
// agree. Errors wrap [ErrRefused] and say why.
func DecodeHanded(machine elf.Machine, code Code, address, callee uint64, n int) (uint64, error) {
	r := &run{code: code, calls: true, callee: callee}
	c, ways, err := r.explore(machine, Function{Address: address})
	if err != nil {
		return 0, err
	}
	if n < 0 || n >= len(c.arguments) {
		return 0, refuse("argument %d is in no register", n)
	}
	var handed uint64
	for _, w := range ways {
		for _, p := range w.calls {
			if p.target != callee {
				continue
			}
			v := p.values[n]
			if v.kind != static {
				return 0, refuse("argument %d of a call at %#x is no place in the program", n, p.site)
			}
			if handed != 0 && handed != uint64(v.add) {
				return 0, refuse("argument %d is not the same at all calls", n)
			}
			handed = uint64(v.add)
		}
	}
	if handed == 0 {
		return 0, refuse("it does not call the function at %#x", callee)
	}
	return handed, nil
}

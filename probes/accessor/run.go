// SPDX-License-Identifier: Apache-2.0

package accessor

import (
	"debug/elf"
	"fmt"
)

// outcome is the end of one way.
type outcome struct {
	*state
	// stopped is the reason why the way could not be followed to a return.
	stopped string
	// left says that the way ends in a jump that cannot be followed, as a call
	// in the last place does.
	left bool
}

// run follows all ways through the function.
type run struct {
	architecture architecture
	convention   *convention
	code         Code
	// end is the address behind the function, or its own where that is not known.
	end uint64
	// calls says that calls are stepped over instead of ending the way.
	calls bool
	// callee, if it is not 0, is a function a jump to which is a call too.
	callee   uint64
	steps    int
	pending  []*state
	outcomes []outcome
}

// explore gives the ends of all ways, those with the fewest branches first, and
// the machine's calling convention. Where there are too many ways, the rest are
// stopped where they are.
func explore(machine elf.Machine, code Code, f Function, calls bool) (*convention, []outcome, error) {
	return (&run{code: code, calls: calls}).explore(machine, f)
}

func (r *run) explore(machine elf.Machine, f Function) (*convention, []outcome, error) {
	var err error
	if r.architecture, err = architectureOf(machine); err != nil {
		return nil, nil, err
	}
	r.convention, r.end = r.architecture.convention(), f.Address+f.Size
	r.pending = append(r.pending, newState(r.convention, f))
	for len(r.pending) > 0 {
		s := r.pending[0]
		r.pending = r.pending[1:]
		if err := r.follow(s); err != nil {
			return nil, nil, err
		}
		if len(r.outcomes)+len(r.pending) > maxPaths || r.steps > maxTotalSteps {
			for _, s := range r.pending {
				r.stop(s, fmt.Sprintf("more than %d ways through the code", maxPaths))
			}
			break
		}
	}
	return r.convention, r.outcomes, nil
}

// follow takes one way until it ends or forks.
func (r *run) follow(s *state) error {
	for {
		r.steps++
		s.steps++
		if s.steps > maxPathSteps {
			r.stop(s, "more instructions than a getter has")
			return nil
		}
		code, err := r.code.At(s.pc, endOfInstructions)
		if err != nil {
			return refuse("no code at %#x: %v", s.pc, err)
		}
		inst, why := r.architecture.decode(code, s.pc)
		if why != "" {
			r.stop(s, why)
			return nil
		}
		if !r.execute(s, inst) {
			return nil
		}
	}
}

// stop ends a way for a reason.
func (r *run) stop(s *state, why string) {
	r.outcomes = append(r.outcomes, outcome{state: s, stopped: why})
}

// execute does the steps of an instruction; false where the way ends or forks.
func (r *run) execute(s *state, inst instruction) bool {
	if s.fell && (inst.landing || s.pc == r.end) {
		// Behind a call that does not return.
		r.outcomes = append(r.outcomes, outcome{state: s, left: true, stopped: "the entry of another function"})
		return false
	}
	at := s.pc
	s.pc += inst.length
	for _, st := range inst.steps {
		switch st.op {
		case opSelect:
			return r.choose(s, st)
		case opBranch:
			return r.branch(s, st)
		case opJump:
			if r.callee != 0 && st.target == r.callee {
				s.pass(r.convention, at, st.target)
				r.outcomes = append(r.outcomes, outcome{state: s, left: true, stopped: "a call in the last place: " + inst.text})
				return false
			}
			s.pc, s.fell = st.target, false
			return true
		case opLeave:
			s.pass(r.convention, at, 0)
			r.outcomes = append(r.outcomes, outcome{state: s, left: true,
				stopped: "a jump to where memory says: " + inst.text})
			return false
		case opReturn:
			r.finish(s, st)
			return false
		case opCall:
			if !r.calls && r.isLast(s.pc) {
				return false // a failed assertion: the way gives no value
			}
			if !r.calls {
				r.stop(s, "a call: "+inst.text)
				return false
			}
			s.pass(r.convention, at, st.target)
			s.forget(r.convention)
		default:
			if !s.compute(st) {
				r.stop(s, "more stores than a setter has")
				return false
			}
		}
	}
	s.fell = true
	return true
}

// isLast reports whether the instruction before pc is a function's last one: only
// fillers come between it and the entry of another function. A call there does not
// return.
func (r *run) isLast(pc uint64) bool {
	for range maxFillers {
		code, err := r.code.At(pc, endOfInstructions)
		if err != nil {
			return false
		}
		inst, why := r.architecture.decode(code, pc)
		if inst.landing {
			return true
		}
		if why != "" || len(inst.steps) > 0 {
			return false
		}
		pc += inst.length
	}
	return false
}

// finish ends a way at a return.
func (r *run) finish(s *state, st step) {
	why := ""
	sp := s.registers[r.convention.stack]
	switch {
	case sp.kind != stack || sp.add != 0:
		why = "a return with the stack pointer moved"
	case r.convention.link != noRegister && s.registers[st.a.register].kind != link:
		why = "a return to another address"
	}
	r.outcomes = append(r.outcomes, outcome{state: s, stopped: why})
}

// choose forks at a conditional move.
func (r *run) choose(s *state, st step) bool {
	yes, no := s.decide(s.flags, st.condition)
	if yes != nil {
		yes.write(st.dst, yes.read(st.a), st.size)
	}
	if no != nil {
		no.write(st.dst, no.read(st.b), st.size)
	}
	return r.fork(yes, no)
}

// branch forks at a conditional jump.
func (r *run) branch(s *state, st step) bool {
	f := s.flags
	if st.apart {
		f = s.apart
	}
	yes, no := s.decide(f, st.condition)
	if yes != nil {
		yes.pc, yes.fell = st.target, false
	}
	return r.fork(yes, no)
}

// fork puts the ways aside.
func (r *run) fork(ways ...*state) bool {
	for _, w := range ways {
		if w != nil {
			r.pending = append(r.pending, w)
		}
	}
	return false
}

// decide gives the state in which a condition holds and that in which it does
// not; nil where that cannot be.
func (s *state) decide(f flags, c condition) (yes, no *state) {
	if !f.known || (c != condEqual && c != condNotEqual) {
		return s.fork(), s
	}
	v := s.simplified(f.value)
	if v.kind == constant {
		equal := uint64(v.low(f.size).add)&f.mask == uint64(numberValue(f.with).low(f.size).add)
		if equal == (c == condEqual) {
			return s, nil
		}
		return nil, s
	}
	if v.kind != walked || v.add != 0 || f.mask != allOnes || f.with != 0 {
		return s.fork(), s
	}
	for _, a := range s.assumptions {
		if a.value.walk == v.walk && !a.zero {
			if c == condNotEqual {
				return s, nil
			}
			return nil, s
		}
	}
	yes, no = s.fork(), s
	yes.assumptions = append(yes.assumptions, assumption{v, c == condEqual})
	no.assumptions = append(no.assumptions, assumption{v, c != condEqual})
	return yes, no
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/accessor"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// lead is where a path leads in one binary: a chain of loads from what it
// begins with.
type lead struct {
	root  string // an argument or a capture
	chain accessor.Chain
	// compares says that the value is 1 where what the chain gives equals
	// equals, else 0.
	compares bool
	equals   uint16
	// element, if it is there, is where the path leads, without any beginning.
	element *accessor.Element
}

// program is what paths ask of a binary.
type program interface {
	accessor.Code
	machine() elf.Machine
	// function returns the code symbol of exactly that name.
	function(name string) (elf.Symbol, bool)
	// variable returns the address of the variable of exactly that name.
	variable(name string) (uint64, bool)
	// has reports whether there is a function or a variable of exactly that name.
	has(name string) bool
}

// leads remembers where the paths of a profile lead in a binary.
type leads struct {
	file  program
	paths catalog.Paths
	found map[string]*lead
	fails map[string]error
}

func newLeads(file program, paths catalog.Paths) *leads {
	return &leads{file: file, paths: paths, found: make(map[string]*lead), fails: make(map[string]error)}
}

// follow returns where a path leads. The error says of each way why it does not
// serve.
func (l *leads) follow(name string) (*lead, error) {
	if known, ok := l.found[name]; ok {
		return known, l.fails[name]
	}
	// A path that leads back to itself ends here.
	l.found[name], l.fails[name] = nil, fmt.Errorf("path %s leads in a circle", name)
	l.found[name], l.fails[name] = l.take(l.paths.Find(name))
	return l.found[name], l.fails[name]
}

func (l *leads) take(path *catalog.Path) (*lead, error) {
	var reasons []string
	for _, way := range path.Ways {
		found, err := l.takeWay(way)
		if err == nil {
			return found, nil
		}
		reasons = append(reasons, err.Error())
	}
	return nil, errors.New(strings.Join(reasons, ", "))
}

func (l *leads) takeWay(way *catalog.Way) (*lead, error) {
	if way.Element != "" {
		return l.decodeElement(way.Element)
	}
	own, err := l.decode(way)
	if err != nil {
		return nil, err
	}
	before := &lead{root: way.Of, chain: accessor.Chain{Size: 8}}
	if l.paths.Find(way.Of) != nil {
		if before, err = l.follow(way.Of); err != nil {
			return nil, err
		}
	}
	if before.element != nil {
		return nil, fmt.Errorf("path %s is an element of a table: a capture's offsets lead on from there", way.Of)
	}
	if before.compares {
		return nil, fmt.Errorf("path %s is a comparison: nothing lies behind it", way.Of)
	}
	own.root = before.root
	own.chain, err = join(before.chain, own.chain)
	return own, err
}

// decodeElement reads which element of which table a function looks at.
func (l *leads) decodeElement(name string) (*lead, error) {
	symbol, ok := l.file.function(name)
	if !ok {
		return nil, fmt.Errorf("%s is not exported", name)
	}
	element, err := accessor.DecodeElement(l.file.machine(), l.file, symbol.Value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &lead{element: element}, nil
}

// decode reads the machine code of a way's function.
func (l *leads) decode(way *catalog.Way) (*lead, error) {
	name := way.Getter + way.Predicate + way.Setter + way.In
	symbol, ok := l.file.function(name)
	if !ok {
		return nil, fmt.Errorf("%s is not exported", name)
	}
	found, err := l.decodeAt(way, symbol)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if found.chain, err = part(found.chain, way); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return found, nil
}

func (l *leads) decodeAt(way *catalog.Way, symbol elf.Symbol) (*lead, error) {
	machine, address := l.file.machine(), symbol.Value
	switch {
	case way.Getter != "":
		getter, err := accessor.DecodeGetter(machine, l.file, address)
		if err != nil {
			return nil, err
		}
		results := getter.Results
		if way.Out {
			results = getter.Out
		}
		if way.Result >= len(results) {
			return nil, fmt.Errorf("it gives %d values", len(results))
		}
		return &lead{chain: results[way.Result]}, nil
	case way.Predicate != "":
		return l.decodePredicate(way, address)
	case way.Setter != "":
		return l.decodeSetter(way, address)
	}
	return l.decodeCall(way, accessor.Function{Address: symbol.Value, Size: symbol.Size})
}

// decodeCall takes what a function hands over to another one, or to whatever it
// calls: every such call must agree.
func (l *leads) decodeCall(way *catalog.Way, f accessor.Function) (*lead, error) {
	if way.Variable != "" {
		var ok bool
		if f.Variable, ok = l.file.variable(way.Variable); !ok {
			return nil, fmt.Errorf("%s is not exported", way.Variable)
		}
	}
	calls, err := accessor.DecodeCallsOf(l.file.machine(), l.file, f)
	if err != nil {
		return nil, err
	}
	if way.Call != "" {
		callee, ok := l.file.function(way.Call)
		if !ok {
			return nil, fmt.Errorf("%s is not exported", way.Call)
		}
		calls = calls.To(callee.Value)
	}
	chain, ok := calls.Argument(way.Argument, way.From)
	if !ok || way.Address && len(chain.Offsets) == 0 {
		return nil, errors.New("what it hands over is not known")
	}
	if way.Address && way.Take == 0 {
		chain = placeOf(chain)
	}
	if way.Around {
		if len(chain.Offsets) > 0 {
			return nil, errors.New("what it hands over is no part of the structure")
		}
		chain.Add = -chain.Add
	}
	return &lead{chain: chain}, nil
}

func (l *leads) decodePredicate(way *catalog.Way, address uint64) (*lead, error) {
	p, err := accessor.DecodePredicate(l.file.machine(), l.file, address)
	if err != nil {
		return nil, err
	}
	found := &lead{chain: p.Chain}
	if way.Take > 0 {
		return found, nil
	}
	if p.Compare != accessor.Equal || p.Mask != ^uint64(0) || p.Value < 0 || p.Value > 1<<16-1 {
		return nil, errors.New("its comparison is not with one number")
	}
	found.compares, found.equals = true, uint16(p.Value)
	return found, nil
}

// decodeSetter takes the field in which a setter stores an argument, or to which
// it has its text copied.
func (l *leads) decodeSetter(way *catalog.Way, address uint64) (*lead, error) {
	setter, err := accessor.DecodeSetter(l.file.machine(), l.file, address)
	if err != nil {
		return nil, err
	}
	found, err := storedBy(setter, way)
	if err == nil || !way.Address {
		return found, err
	}
	calls, callsErr := accessor.DecodeCalls(l.file.machine(), l.file, address)
	if callsErr != nil {
		return nil, err
	}
	place, ok := calls.Copied(uint8(way.Argument))
	if !ok {
		return nil, err
	}
	return &lead{chain: place}, nil
}

// storedBy takes the field in which a setter stores a constant, or the first in
// which it stores an argument.
func storedBy(setter *accessor.Setter, way *catalog.Way) (*lead, error) {
	place, ok := fieldOf(setter, way)
	switch {
	case !ok && way.Constant:
		return nil, errors.New("it does not store one constant")
	case !ok:
		return nil, fmt.Errorf("argument %d is not stored", way.Argument)
	}
	if way.Address && way.Take == 0 {
		place = placeOf(place)
	}
	return &lead{chain: place}, nil
}

func fieldOf(setter *accessor.Setter, way *catalog.Way) (place accessor.Chain, ok bool) {
	if way.Constant {
		return setter.Fixed()
	}
	for _, st := range setter.Stores {
		if int(st.Arg) == way.Argument && st.Arg != 0 {
			return st.Place, true
		}
	}
	return accessor.Chain{}, false
}

// placeOf leads to where the last load of a chain reads.
func placeOf(c accessor.Chain) accessor.Chain {
	last := len(c.Offsets) - 1
	return accessor.Chain{Offsets: slices.Clone(c.Offsets[:last]), Add: int64(c.Offsets[last]), Size: 8}
}

// part takes the first loads of a chain, or leaves them out.
func part(c accessor.Chain, way *catalog.Way) (accessor.Chain, error) {
	n := len(c.Offsets)
	switch {
	case way.Take > 0 && way.Take <= n:
		taken := accessor.Chain{Offsets: slices.Clone(c.Offsets[:way.Take]), Size: 8}
		if way.Take == n {
			taken.Size, taken.Signed = c.Size, c.Signed
		}
		return taken, nil
	case way.Skip > 0 && way.Skip <= n && (way.Skip < n || c.Add != 0):
		c.Offsets = slices.Clone(c.Offsets[way.Skip:])
		return c, nil
	case way.Take > 0 || way.Skip > 0:
		return c, fmt.Errorf("it loads %d times only", n)
	}
	return c, nil
}

// join appends a chain to another one.
func join(a, b accessor.Chain) (accessor.Chain, error) {
	if len(a.Offsets) > 0 && a.Size != 8 {
		return a, errors.New("what the path begins with is no pointer")
	}
	if len(b.Offsets) == 0 {
		a.Add += b.Add
		return a, nil
	}
	first := a.Add + int64(b.Offsets[0])
	if first != int64(int32(first)) || len(a.Offsets)+len(b.Offsets) > bpf.MaxLoads {
		return a, errors.New("the path is too long")
	}
	offsets := append(slices.Clone(a.Offsets), int32(first))
	b.Offsets = append(offsets, b.Offsets[1:]...)
	return b, nil
}

// follow makes a location of what a path leads to from where it begins.
func (d *lead) from(root bpf.ProgramsArg) (bpf.ProgramsArg, error) {
	if root.Loads > 0 {
		return root, errors.New("a path begins with an argument or a capture, not behind loads")
	}
	if d.chain.Add != int64(int32(d.chain.Add)) {
		return root, errors.New("the path is too long")
	}
	root.Size, root.IsSigned = 8, 0
	for i, offset := range d.chain.Offsets {
		root.Offsets[i] = offset
		root.Loads++
	}
	if root.Loads > 0 {
		root.Size = d.chain.Size
		if d.chain.Signed {
			root.IsSigned = 1
		}
	}
	root.Add = int32(d.chain.Add)
	return root, nil
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/accessor"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// Numbers of record.h.
const (
	argNone = iota
	argConst
	argReg
	argMem
	argIndexed
	argSaved
	argElement
	argContext
	argInside
	argDataLoc
	argTask
	argFile
)

const (
	captureInt = iota
	captureString
	captureText
	captureTime
	captureAttribute
	captureBytes
	captureName
	captureKey
)

// Flags of record.h.
const (
	captureEquals = 1
	captureFirst  = 2
	captureEnd    = 4
	captureErrno  = 8
	captureSole   = 16
	captureSame   = 32
)

const (
	roleNone = iota
	roleNamespace
	roleFailed
	roleError
	roleStart
)

const (
	specOnlyTargets = 1
	specNote        = 2
	specLastNote    = 4
	specAfterNote   = 8
	specAnnounces   = 16
	specOptional    = 32
	specForks       = 64
	specTruth       = 128
	specTentative   = 256
	specArmed       = 512
	specOwner       = 1024
	specSettles     = 2048
	specChildren    = 4096
)

// place is what captures at one site are compiled with.
type place struct {
	roles *catalog.Roles
	// decides are captures beside those with a role that are read before it is decided
	// whether a record is sent.
	decides []string
	slots   catalog.Slots
	// detail says that captures go into details of an inner operation.
	detail bool
	leads  *leads
	arg    locate
	// variable finds a variable of the program at this site.
	variable func(name string) (bpf.ProgramsArg, error)
	// static finds an address of the program's data at this site.
	static func(address uint64) bpf.ProgramsArg
	// missing takes why captures are left out, by name, and had which are not.
	missing map[string]string
	had     map[string]bool
}

// lacking is why a capture on which another one depends cannot be had at any
// probe so far, or "".
func (p *place) lacking(name string) string {
	if p.had[name] {
		return ""
	}
	return p.missing[name]
}

// siteSpec compiles what to do at one site. Captures that the program does not
// allow are left out and entered into p.missing.
func siteSpec(probe *catalog.Probe, p *place) (bpf.ProgramsSpec, error) {
	var spec bpf.ProgramsSpec
	if probe.When != nil {
		arg, err := p.arg(*probe.When.Arg)
		if err != nil {
			return spec, probe.When.At.Fault("argument %d: %v", *probe.When.Arg, err)
		}
		spec.Guard, spec.When, spec.WhenBase = integer(arg, probe.When.Type), probe.When.Mask(), uint16(probe.When.Base())
		if probe.When.Type == catalog.TypeBool {
			spec.Flags |= specTruth
		}
	}
	if len(probe.Of) > 0 {
		spec.When = catalog.Mask(probe.Of)
	}
	if probe.Given != "" {
		variable, err := p.variable(probe.Given)
		if err != nil {
			return spec, probe.At.Fault("given: %v", err)
		}
		spec.Given = variable
	}
	if probe.If != "" {
		spec.Needs = uint16(p.slots.Value(probe.If)) + 1
	}
	if probe.Tentative {
		spec.Flags |= specTentative
	}
	if probe.Optional {
		spec.Flags |= specOptional
	}
	if probe.Last {
		spec.Flags |= specLastNote
	}
	if probe.Announces {
		spec.Flags |= specAnnounces
	}
	if probe.AfterNote {
		spec.Flags |= specAfterNote
	}
	for _, c := range ordered(probe.Captures, p.isEarly) {
		compiled, err := p.capture(probe, c)
		var lacking *lackingError
		if errors.As(err, &lacking) {
			p.missing[c.Name] = lacking.Error()
			continue
		}
		if err != nil {
			return spec, c.At.Fault("%v", err)
		}
		p.had[c.Name] = true
		spec.Capture[spec.Captures] = compiled
		spec.Captures++
		if p.isEarly(c) {
			spec.Early = spec.Captures
		}
	}
	return spec, nil
}

// ordered puts captures in the order in which they are read: what decides
// whether a record is sent, then the rest, each behind what it depends on; last
// the text, which takes the rest of the buffer.
func ordered(captures catalog.Captures, early func(*catalog.Capture) bool) catalog.Captures {
	sorted := make(catalog.Captures, 0, len(captures))
	taken := make(map[*catalog.Capture]bool)
	var take func(*catalog.Capture)
	take = func(c *catalog.Capture) {
		if c == nil || taken[c] {
			return
		}
		taken[c] = true
		take(captures.Find(c.If))
		sorted = append(sorted, c)
	}
	for _, turn := range []func(*catalog.Capture) bool{
		early,
		func(c *catalog.Capture) bool { return c.Type != catalog.TypeSQL },
		func(*catalog.Capture) bool { return true },
	} {
		for _, c := range captures {
			if turn(c) {
				take(c)
			}
		}
	}
	return sorted
}

// isEarly reports whether it depends on a capture if a record is sent, or in which
// series of the metrics the operation counts.
func (p *place) isEarly(c *catalog.Capture) bool {
	return roleOf(c, p.roles) != roleNone || slices.Contains(p.decides, c.Name)
}

// lackingError is why a capture cannot be had in a program.
type lackingError struct{ reason string }

func (e *lackingError) Error() string { return e.reason }

func lacks(err error) error { return &lackingError{err.Error()} }

func (p *place) capture(probe *catalog.Probe, c *catalog.Capture) (bpf.ProgramsCapture, error) {
	out := bpf.ProgramsCapture{When: c.WhenMask(), Role: roleOf(c, p.roles)}
	if c.Needs != "" && !p.leads.file.has(c.Needs) {
		return out, lacks(fmt.Errorf("%s is not exported", c.Needs))
	}
	arg, equals, err := p.source(probe, c)
	if err != nil {
		return out, err
	}
	if arg, err = behind(arg, c.Offsets, c.Type); err != nil {
		return out, err
	}
	if c.If != "" {
		if why := p.lacking(c.If); why != "" {
			return out, lacks(fmt.Errorf("it depends on %s: %s", c.If, why))
		}
		out.Needs = uint8(p.slots.Value(c.If)) + 1
	}
	if c.Sole {
		out.Flags |= captureSole
	}
	if c.Same != "" {
		out.Flags |= captureSame
		if out.Length, _, err = p.path(probe, c.Same); err != nil {
			return out, err
		}
	}
	if c.First {
		out.Flags |= captureFirst
	}
	if equals != nil {
		out.Flags |= captureEquals
		out.Max = *equals
	}
	switch {
	case c.Time:
		out.Type, out.Slot = captureTime, uint8(p.slots.Value(c.Name))
	case c.Type.Integer():
		out.Type, out.Slot, out.Arg = captureInt, uint8(p.slots.Value(c.Name)), integer(arg, c.Type)
	case c.Type == catalog.TypeTraceparent:
		out.Type, out.Slot = captureAttribute, uint8(p.slots.String(c.Name))
		if out.Arg, err = behind(arg, []int{comDataParameters}, catalog.TypeU64); err != nil {
			return out, err
		}
		if out.Length, err = behind(arg, []int{comDataCount}, catalog.TypeU64); err != nil {
			return out, err
		}
	case c.Type == catalog.TypeMDLKey:
		out.Type, out.Slot, out.Arg = captureKey, uint8(p.slots.String(c.Name)), arg
	case p.detail && c.Type == catalog.TypeString:
		out.Type, out.Slot, out.Arg = captureName, uint8(p.slots.String(c.Name)), arg
	case c.Type == catalog.TypeString:
		out.Type, out.Slot, out.Max = captureString, uint8(p.slots.String(c.Name)), uint16(c.Max)
		out.Arg = arg
	default:
		out.Type, out.Arg = captureText, arg
		if c.Length != nil {
			length, err := p.length(probe, c.Length)
			if err != nil {
				return out, fmt.Errorf("length: %w", err)
			}
			out.Length = integer(length, c.Length.Type)
		}
	}
	return out, nil
}

// source finds what a capture begins with. The second result is the number with
// which the value is compared, if it is.
func (p *place) source(probe *catalog.Probe, c *catalog.Capture) (arg bpf.ProgramsArg, equals *uint16, err error) {
	switch {
	case c.Arg != nil:
		arg, err = p.arg(*c.Arg)
	case c.Captured != "":
		slot := p.slots.Value(c.Captured)
		if slot < 0 {
			return arg, nil, fmt.Errorf("no integer capture %s was made before", c.Captured)
		}
		arg = bpf.ProgramsArg{Kind: argSaved, Size: 8, Base: uint8(slot)}
	case c.Path != "":
		arg, equals, err = p.path(probe, c.Path)
	case c.Variable != "":
		arg, err = p.variable(c.Variable)
	case c.Returned:
		arg = bpf.ProgramsArg{Kind: argReg, Size: 8, Base: returnRegister}
	case c.Constant != nil:
		arg = bpf.ProgramsArg{Kind: argConst, Size: 8, Disp: int64(*c.Constant)}
	}
	if err == nil && c.Equals != nil {
		n := uint16(*c.Equals)
		equals = &n
	}
	return arg, equals, err
}

// returnRegister is rax, and x0.
const returnRegister = 0

// path finds where a path leads at this site.
func (p *place) path(probe *catalog.Probe, name string) (arg bpf.ProgramsArg, equals *uint16, err error) {
	lead, err := p.leads.follow(name)
	if err != nil {
		return arg, nil, lacks(err)
	}
	if lead.element != nil {
		return p.element(lead.element), nil, nil
	}
	root := bpf.ProgramsArg{Kind: argSaved, Size: 8}
	if n, ok := probe.Args.Find(lead.root); ok {
		if root, err = p.arg(n); err != nil {
			return arg, nil, err
		}
	} else if why := p.lacking(lead.root); why != "" {
		return arg, nil, lacks(fmt.Errorf("it begins with %s: %s", lead.root, why))
	} else if slot := p.slots.Value(lead.root); slot >= 0 {
		root.Base = uint8(slot)
	} else {
		return arg, nil, fmt.Errorf("path %s begins with %s, which is neither an argument in args nor a capture", name, lead.root)
	}
	if lead.compares {
		equals = &lead.equals
	}
	arg, err = lead.from(root)
	return arg, equals, err
}

// element is where a field of the selected element of a table is at this site.
func (p *place) element(e *accessor.Element) bpf.ProgramsArg {
	arg := p.static(e.Field)
	arg.Kind, arg.Loads, arg.Add = argElement, 1, e.Stride
	arg.Offsets[0] = int32(p.static(e.Index).Disp)
	return arg
}

func (p *place) length(probe *catalog.Probe, l *catalog.Length) (bpf.ProgramsArg, error) {
	var arg bpf.ProgramsArg
	var err error
	if l.Arg != nil {
		arg, err = p.arg(*l.Arg)
	} else {
		arg, _, err = p.path(probe, l.Path)
	}
	if err != nil {
		return arg, err
	}
	return behind(arg, l.Offsets, l.Type)
}

// behind adds the loads that the profile asks for.
func behind(arg bpf.ProgramsArg, offsets []int, t catalog.Type) (bpf.ProgramsArg, error) {
	if len(offsets) == 0 {
		return arg, nil
	}
	if int(arg.Loads)+len(offsets) > bpf.MaxLoads {
		return arg, fmt.Errorf("more than %d loads", bpf.MaxLoads)
	}
	for i, offset := range offsets {
		sum := offset
		if i == 0 && arg.Kind != argElement {
			sum += int(arg.Add)
			arg.Add = 0
		}
		if sum != int(int32(sum)) {
			return arg, errors.New("the offset is too far")
		}
		arg.Offsets[arg.Loads] = int32(sum)
		arg.Loads++
	}
	arg.Size, arg.IsSigned = 8, 0
	if t.Integer() {
		arg.Size = uint8(t.Bytes())
		if t.Signed() {
			arg.IsSigned = 1
		}
	}
	return arg, nil
}

// Where union COM_DATA has the query attributes, for COM_QUERY and for
// COM_STMT_EXECUTE (MySQL from 8.0.23 on, include/mysql/com_data.h).
const (
	comDataParameters = 16
	comDataCount      = 24
)

// roleOf is what a capture means to the kernel side. A number that stands for an
// SQLSTATE is an error number there.
func roleOf(c *catalog.Capture, roles *catalog.Roles) uint8 {
	switch c.Name {
	case roles.Namespace:
		return roleNamespace
	case roles.Failed:
		return roleFailed
	case roles.Error:
		return roleError
	case roles.Start:
		return roleStart
	case roles.SQLState:
		if c.Type.Integer() {
			return roleError
		}
	}
	return roleNone
}

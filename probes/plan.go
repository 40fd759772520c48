// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// action is which of the programs runs at a site.
type action uint8

const (
	actionStart action = iota
	actionDone
	actionReturn // done, when a function returns
	actionPoint
	numActions
)

// site is one place to attach to.
type site struct {
	action    action
	file      *binary      // nil in the kernel
	kernel    *kernelPoint // nil in a program
	address   catalog.Address
	probe     string // address in the profile's notation
	offset    uint64 // file offset
	semaphore uint64 // file offset, 0 if there is none
	returns   bool   // attach to the return of the function
	cost      Cost
	spec      bpf.ProgramsSpec
	later     []bpf.ProgramsCapture // what can be read of an open operation
}

// view is what a process consists of, as far as profiles are concerned.
type view struct {
	process   *process
	exe       *binary
	libraries []*binary
	served    []string // operation/tier of what has been planned
}

// keys names the files that a process consists of.
func (v *view) keys() []fileKey {
	keys := []fileKey{v.exe.key}
	for _, b := range v.libraries {
		keys = append(keys, b.key)
	}
	return keys
}

// find returns the files in which an address may be.
func (v *view) find(a catalog.Address) []*binary {
	if a.IsExe() {
		return []*binary{v.exe}
	}
	var found []*binary
	for _, b := range append([]*binary{v.exe}, v.libraries...) {
		if b.path == a.Path || a.IsLibrary() && b != v.exe && a.MatchesLibrary(path.Base(b.path)) {
			found = append(found, b)
		}
	}
	return found
}

// plan is how one operation is seen in one process.
type plan struct {
	operation *catalog.Operation
	tier      *catalog.Tier // nil if no tier serves
	sites     []site
	// misses says of each better tier, or of all, why it does not serve.
	misses []Miss
	// missing says of captures why this program does not allow them.
	missing map[string]string
	// atEntry is why functions are probed at their entries, not at their calls.
	atEntry string
	// passed says of probes that come first why another one is in their place.
	passed []string
}

// Miss is why a tier does not serve an operation of a process.
type Miss struct {
	Tier   string `json:"tier"`
	Reason string `json:"reason"`
	// Mend is what would make the tier serve, if the profile tells.
	Mend  string `json:"mend,omitempty"`
	unmet bool   // the server has to be set up otherwise
}

// planOperation takes the first tier of an operation whose probes all exist.
func (s *scout) planOperation(v *view, profile *catalog.Profile, op *catalog.Operation) *plan {
	p := &plan{operation: op}
	for _, tier := range op.Tiers {
		if !s.cfg.Detail.Includes(tier.Detail) {
			continue
		}
		if len(s.cfg.Tiers) > 0 && !slices.Contains(s.cfg.Tiers, tier.Name) {
			p.misses = append(p.misses, Miss{Tier: tier.Name, Reason: "is not asked for"})
			continue
		}
		t := &tierPlan{scout: s, view: v, profile: profile, op: op, tier: tier, missing: make(map[string]string), had: make(map[string]bool)}
		sites, err := t.sites()
		if err == nil {
			for name := range t.had {
				delete(t.missing, name) // another probe has it
			}
			p.tier, p.sites, p.missing, p.atEntry, p.passed = tier, sites, t.missing, t.atEntry, t.passed
			v.served = append(v.served, op.Name+"/"+tier.Name)
			return p
		}
		p.misses = append(p.misses, missOf(tier, err))
	}
	return p
}

func missOf(tier *catalog.Tier, err error) Miss {
	m := Miss{Tier: tier.Name, Reason: err.Error(), Mend: tier.Needs}
	var unmet *unmetError
	if errors.As(err, &unmet) && unmet.Mend != "" {
		m.Mend, m.unmet = unmet.Mend, true
	}
	return m
}

// tierPlan looks for the sites of one tier.
type tierPlan struct {
	scout   *scout
	view    *view
	profile *catalog.Profile
	op      *catalog.Operation
	tier    *catalog.Tier
	missing map[string]string
	had     map[string]bool
	// atEntry is why functions are probed at their entries, not at their calls.
	atEntry string
	passed  []string // addresses that came first and do not serve, with the reasons
}

func (t *tierPlan) sites() ([]site, error) {
	if err := t.allowed(); err != nil {
		return nil, err
	}
	all, err := t.allSites()
	var uncertain *callsError
	if errors.As(err, &uncertain) {
		// What begins and what ends have to see the same calls.
		t.atEntry = uncertain.Error()
		return t.allSites()
	}
	return all, err
}

// allowed is an error if the tier cannot serve whatever probes there are.
func (t *tierPlan) allowed() error {
	with := t.tier.With
	if len(with) > 0 && !slices.ContainsFunc(with, func(w string) bool { return slices.Contains(t.view.served, w) }) {
		return fmt.Errorf("it goes with %s only", strings.Join(with, " or "))
	}
	for _, r := range t.tier.Requires {
		if err := t.view.require(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tierPlan) allSites() ([]site, error) {
	var all []site
	for _, group := range []struct {
		action action
		flags  uint16
		probes catalog.Probes
	}{
		{actionStart, 0, t.tier.Start}, {actionDone, specNote, t.tier.Note},
		{actionDone, 0, t.tier.Done}, {actionPoint, 0, t.tier.Point},
	} {
		for _, probe := range group.probes {
			if !t.scout.cfg.Detail.Includes(probe.Detail) {
				continue
			}
			sites, err := t.probe(probe)
			if err != nil && probe.Optional && group.flags&specNote != 0 {
				t.doWithout(probe, err)
				continue
			}
			if err != nil {
				return nil, err
			}
			for i := range sites {
				sites[i].action = group.action
				sites[i].spec.Flags |= group.flags
				if t.profile.Forks {
					sites[i].spec.Flags |= specForks
				}
				if t.op.Children {
					sites[i].spec.Flags |= specChildren
				}
				if group.action == actionDone && group.flags == 0 && t.tier.Settles() {
					sites[i].spec.Flags |= specSettles
				}
				if sites[i].returns {
					sites[i].action = actionReturn
				}
				if t.op.Inline() {
					// There is no record of its own for which to read later.
					sites[i].spec.Early = sites[i].spec.Captures
				}
			}
			all = append(all, sites...)
		}
	}
	return all, nil
}

// doWithout enters why what is captured at a note cannot be had.
func (t *tierPlan) doWithout(note *catalog.Probe, why error) {
	for _, c := range note.Captures {
		t.missing[c.Name] = why.Error()
	}
}

// probe takes the first alternative of a probe that exists.
func (t *tierPlan) probe(probe *catalog.Probe) ([]site, error) {
	var reasons []string
	for _, address := range probe.Addresses {
		if address.Kind.Kernel() {
			sites, err := t.inKernel(address, probe)
			if err != nil {
				reasons = append(reasons, fmt.Sprintf("%s: %v", address, err))
				continue
			}
			t.passed = append(t.passed, reasons...)
			return sites, nil
		}
		files := t.view.find(address)
		if len(files) == 0 {
			reasons = append(reasons, fmt.Sprintf("%s is not loaded", address.Path))
			continue
		}
		var sites []site
		for _, file := range files {
			found, err := t.resolve(file, address, probe)
			if err != nil {
				return nil, err
			}
			sites = append(sites, found...)
		}
		if len(sites) > 0 {
			return sites, nil
		}
		reasons = append(reasons, missing(address, files[0]))
	}
	return nil, errors.New(strings.Join(reasons, ", "))
}

// inKernel returns the sites of an address in the kernel.
func (t *tierPlan) inKernel(address catalog.Address, probe *catalog.Probe) ([]site, error) {
	points, leftOut, err := t.scout.kernel.find(address)
	if err != nil {
		return nil, err
	}
	t.passed = append(t.passed, leftOut...)
	sites := make([]site, len(points))
	for i, point := range points {
		at := &kernelPlace{
			point: point, types: t.scout.kernel.readTypes, slots: t.tier.Slots(), roles: &t.op.Roles, missing: t.missing, had: t.had,
		}
		spec, err := kernelSpec(probe, at)
		if err != nil {
			return nil, err
		}
		sites[i] = site{
			kernel: point, address: address, probe: point.address.String(), cost: kernelCosts[address.Kind],
			spec: spec, later: at.later(probe),
		}
	}
	return sites, nil
}

func missing(a catalog.Address, b *binary) string {
	if a.Kind == catalog.USDT {
		return fmt.Sprintf("%s has no probe %s:%s", b.path, a.Provider, a.Name)
	}
	return fmt.Sprintf("%s exports no function %s", b.path, a.Symbol)
}

// resolve returns the sites of an address in a file; none if it is not there.
func (t *tierPlan) resolve(file *binary, a catalog.Address, probe *catalog.Probe) ([]site, error) {
	if a.Kind == catalog.USDT {
		return t.resolveUSDT(file, a, probe)
	}
	symbol, ok := file.function(a.Symbol)
	if !ok {
		return nil, nil
	}
	offset, ok := file.fileOffset(symbol.Value)
	if !ok {
		return nil, fmt.Errorf("%s: %s lies outside the executable segments", file.path, a.Symbol)
	}
	if probe.AtCalls && t.atEntry == "" {
		return t.resolveCalls(file, a, probe, symbol.Value)
	}
	entry := entrySite{offset: a.Offset, cost: CostUnknown}
	args := functionArgs(file.elf.Machine, true)
	switch {
	case a.Kind == catalog.Uretprobe:
		entry.cost, args = CostReturn, noArgs
	case a.Offset == 0:
		code := make([]byte, min(symbol.Size, 64))
		if _, err := file.file.ReadAt(code, int64(offset)); err != nil {
			return nil, fmt.Errorf("read code of %s in %s: %w", a.Symbol, file.path, err)
		}
		entry = chooseEntry(file.elf.Machine, code)
	}
	at := t.place(file, symbol.Value+entry.offset, args)
	spec, err := siteSpec(probe, at)
	if err != nil {
		return nil, err
	}
	return []site{{
		file: file, probe: a.String(), offset: offset + entry.offset, returns: a.Kind == catalog.Uretprobe,
		cost: entry.cost, spec: spec, later: later(probe, at),
	}}, nil
}

// place is what captures at an address of a file are compiled with.
func (t *tierPlan) place(file *binary, address uint64, args locate) *place {
	if file.leads == nil {
		file.leads = make(map[*catalog.Profile]*leads)
	}
	if file.leads[t.profile] == nil {
		file.leads[t.profile] = newLeads(file, t.profile.Paths)
	}
	return &place{
		roles: &t.op.Roles, decides: t.op.By, slots: t.tier.Slots(), detail: t.op.Inline(), leads: file.leads[t.profile], arg: args, missing: t.missing, had: t.had,
		variable: func(name string) (bpf.ProgramsArg, error) { return file.variableAt(name, address) },
		static:   func(to uint64) bpf.ProgramsArg { return file.staticAt(to, address) },
	}
}

func (t *tierPlan) resolveUSDT(file *binary, a catalog.Address, probe *catalog.Probe) ([]site, error) {
	found := file.probes.Find(a.Provider, a.Name)
	if found == nil {
		return nil, nil
	}
	var sites []site
	for i := range found.Sites {
		at := &found.Sites[i]
		cost, err := checkInstruction(t.scout.kernel.version, at.Instruction.Kind)
		if err != nil {
			return nil, fmt.Errorf("%s:%s at %#x of %s: %w", a.Provider, a.Name, at.Address, file.path, err)
		}
		spec, err := siteSpec(probe, t.place(file, at.Address, usdtArgs(at)))
		if err != nil {
			return nil, err
		}
		sites = append(sites, site{file: file, probe: a.String(), offset: at.Offset, semaphore: at.Semaphore, cost: cost, spec: spec})
	}
	return sites, nil
}

// kernel618 is the first Linux that replaces a probed five-byte nop by a call.
const kernel618 = 6<<16 | 18<<8

// checkInstruction refuses USDT sites at which the kernel would do harm. A
// call in place of a five-byte nop overwrites the red zone of a leaf function
// (Linux 6.18, arch/x86/kernel/uprobes.c). The kernel is a version code.
func checkInstruction(kernel uint32, kind usdt.InstructionKind) (Cost, error) {
	switch kind {
	case usdt.Nop1:
		return CostEmulated, nil
	case usdt.Nop5:
		if kernel >= kernel618 {
			return "", errors.New("a five-byte nop, whose probe would corrupt the stack of leaf functions on this kernel")
		}
		return CostStepped, nil
	case usdt.Nop10:
		return "", errors.New("a ten-byte nop, which this kernel refuses to probe in a running process")
	case usdt.NopARM64:
		return CostEmulated, nil
	}
	return CostStepped, nil
}

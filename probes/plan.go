// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"path"
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
	actionPoint
	numActions
)

// site is one place to attach to.
type site struct {
	action    action
	file      *binary
	probe     string // address in the profile's notation
	offset    uint64 // file offset
	semaphore uint64 // file offset, 0 if there is none
	cost      Cost
	spec      bpf.ProgramsSpec
}

// view is what a process consists of, as far as profiles are concerned.
type view struct {
	exe       *binary
	libraries []*binary
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
	tier  *catalog.Tier
	sites []site
	// misses says of each better tier why it does not serve.
	misses []string
}

// planOperation takes the first tier of an operation whose probes all exist.
// The error says what each tier lacks.
func (s *Session) planOperation(v *view, op *catalog.Operation) (*plan, error) {
	p := &plan{}
	for _, tier := range op.Tiers {
		sites, err := s.planTier(v, op, tier)
		if err == nil {
			p.tier, p.sites = tier, sites
			return p, nil
		}
		p.misses = append(p.misses, fmt.Sprintf("%s: %v", tier.Name, err))
	}
	return nil, errors.New(strings.Join(p.misses, "; "))
}

func (s *Session) planTier(v *view, op *catalog.Operation, tier *catalog.Tier) ([]site, error) {
	where := tier.Slots()
	var all []site
	for _, group := range []struct {
		action action
		probes catalog.Probes
	}{{actionStart, tier.Start}, {actionDone, tier.Done}, {actionPoint, tier.Point}} {
		for _, probe := range group.probes {
			sites, err := s.planProbe(v, probe, &op.Roles, where)
			if err != nil {
				return nil, err
			}
			for i := range sites {
				sites[i].action = group.action
			}
			all = append(all, sites...)
		}
	}
	return all, nil
}

// planProbe takes the first alternative of a probe that exists.
func (s *Session) planProbe(v *view, probe *catalog.Probe, roles *catalog.Roles, where catalog.Slots) ([]site, error) {
	var reasons []string
	for _, address := range probe.Addresses {
		files := v.find(address)
		if len(files) == 0 {
			reasons = append(reasons, fmt.Sprintf("%s is not loaded", address.Path))
			continue
		}
		var sites []site
		for _, file := range files {
			found, err := s.resolve(file, address, probe, roles, where)
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

func missing(a catalog.Address, b *binary) string {
	if a.Kind == catalog.USDT {
		return fmt.Sprintf("%s has no probe %s:%s", b.path, a.Provider, a.Name)
	}
	return fmt.Sprintf("%s exports no function %s", b.path, a.Symbol)
}

// resolve returns the sites of an address in a file; none if it is not there.
func (s *Session) resolve(file *binary, a catalog.Address, probe *catalog.Probe, roles *catalog.Roles, where catalog.Slots) ([]site, error) {
	if a.Kind == catalog.USDT {
		return s.resolveUSDT(file, a, probe, roles, where)
	}
	symbol, ok := file.function(a.Symbol)
	if !ok {
		return nil, nil
	}
	offset, ok := file.fileOffset(symbol.Value)
	if !ok {
		return nil, fmt.Errorf("%s: %s lies outside the executable segments", file.path, a.Symbol)
	}
	entry := entrySite{offset: a.Offset, cost: CostUnknown}
	if a.Offset == 0 {
		code := make([]byte, min(symbol.Size, 64))
		if _, err := file.file.ReadAt(code, int64(offset)); err != nil {
			return nil, fmt.Errorf("read code of %s in %s: %w", a.Symbol, file.path, err)
		}
		entry = chooseEntry(file.elf.Machine, code)
	}
	spec, err := siteSpec(0, probe, roles, where, functionArgs(file.elf.Machine))
	if err != nil {
		return nil, err
	}
	return []site{{file: file, probe: a.String(), offset: offset + entry.offset, cost: entry.cost, spec: spec}}, nil
}

func (s *Session) resolveUSDT(file *binary, a catalog.Address, probe *catalog.Probe, roles *catalog.Roles, where catalog.Slots) ([]site, error) {
	found := file.probes.Find(a.Provider, a.Name)
	if found == nil {
		return nil, nil
	}
	var sites []site
	for i := range found.Sites {
		at := &found.Sites[i]
		cost, err := s.checkInstruction(at.Instruction.Kind)
		if err != nil {
			return nil, fmt.Errorf("%s:%s at %#x of %s: %w", a.Provider, a.Name, at.Address, file.path, err)
		}
		spec, err := siteSpec(0, probe, roles, where, usdtArgs(at))
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
// (Linux 6.18, arch/x86/kernel/uprobes.c).
func (s *Session) checkInstruction(kind usdt.InstructionKind) (Cost, error) {
	switch kind {
	case usdt.Nop1:
		return CostEmulated, nil
	case usdt.Nop5:
		if s.kernel >= kernel618 {
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

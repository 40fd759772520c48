// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// served is one operation of a profile, seen by one tier in particular files.
// It keeps its number in the operation table for the life of the session, also
// while it is detached.
type served struct {
	op        uint16
	profile   *catalog.Profile
	operation *catalog.Operation
	tier      *catalog.Tier
	missing   map[string]string // captures that this program does not allow
	later     []bpf.ProgramsCapture
	sites     []site
	indexes   []uint32 // of the sites in the map of sites
	links     []io.Closer
	pids      map[int]bool              // processes that want it now
	limited   bool                      // hits in other processes do not count
	armed     bool                      // in the kernel: all probes are attached, hits count
	untilExit func(attached bool) error // in the kernel
	allowed   map[int]bool              // the processes that the kernel side knows, while limited
}

// servedKey names what is served: profile, operation, tier and files.
func servedKey(profile *catalog.Profile, p *plan) string {
	seen := make(map[string]bool)
	var files []string
	for i := range p.sites {
		f := p.sites[i].place()
		if !seen[f] {
			seen[f] = true
			files = append(files, f)
		}
	}
	sort.Strings(files)
	return strings.Join(append([]string{profile.Name, p.operation.Name, p.tier.Name}, files...), "|")
}

// place names what a site is in: a file, or itself if it is in the kernel.
func (s *site) place() string {
	if s.kernel != nil {
		return s.probe
	}
	return fmt.Sprintf("%d:%d", s.file.key.dev, s.file.key.ino)
}

// newServed enters an operation into the tables of both sides.
func (s *Session) newServed(profile *catalog.Profile, p *plan) (*served, error) {
	op := p.operation
	table := s.operations()
	if len(table) >= bpf.MaxOperations {
		return nil, fmt.Errorf("no more than %d operations can be observed at a time", bpf.MaxOperations)
	}
	sv := &served{
		op: uint16(len(table)), profile: profile, operation: op, tier: p.tier,
		missing: p.missing, sites: slices.Clone(p.sites),
		pids: make(map[int]bool), allowed: make(map[int]bool),
	}
	config := s.opConfig(profile, op, p.tier)
	config.Family = s.familyOf(profile, op, sv.op)
	if sv.inKernel() {
		s.kernelConfig(&config, sv)
		sv.untilExit = s.untilExit(sv, config)
		config.ToExit = 0
	}
	if err := s.objects.Ops.Put(uint32(sv.op), config); err != nil {
		return nil, fmt.Errorf("configure operation %s: %w", op.Name, err)
	}
	shared := make(map[bpf.ProgramsSpec]uint32) // of many functions there is one thing to do
	for i := range sv.sites {
		sv.sites[i].spec.Op = sv.op
		if index, ok := shared[sv.sites[i].spec]; ok && sv.sites[i].kernel != nil && sv.sites[i].action != actionPoint {
			sv.indexes = append(sv.indexes, index)
			continue
		}
		shared[sv.sites[i].spec] = s.nextSite
		if s.nextSite >= uint32(s.objects.Sites.MaxEntries()) {
			return nil, fmt.Errorf("no more than %d probe sites can be attached", s.objects.Sites.MaxEntries())
		}
		sv.indexes = append(sv.indexes, s.nextSite)
		s.nextSite++
	}
	for i := range sv.sites {
		sv.later = append(sv.later, sv.sites[i].later...)
	}
	s.later.Store(sv.op, sv.later)
	o := bridgeOperation(profile, p)
	o.InKernel = sv.inKernel()
	if sv.inKernel() && o.Point && len(sv.sites) > 1 {
		o.By = []*bridge.Field{{Name: "probe", Attr: keyProbe, Type: bridge.FieldString}}
		s.countBySite(sv)
	}
	if profile.OfHost() {
		o.Host = hostInstance(profile)
	}
	s.addOperation(o)
	return sv, nil
}

// writeSites tells the kernel side what the sites mean: of ends first, which may
// begin to count with it.
func (s *Session) writeSites(sv *served) error {
	for i := range slices.Backward(sv.sites) {
		spec := sv.sites[i].spec
		if sv.limited && !(sv.tier.Settles() && sv.sites[i].action == actionStart) {
			spec.Flags |= specOnlyTargets
		}
		if !sv.armed {
			spec.Flags &^= specArmed
		}
		if err := s.objects.Sites.Put(sv.indexes[i], spec); err != nil {
			return fmt.Errorf("configure site %s: %w", sv.sites[i].probe, err)
		}
	}
	return nil
}

// attach places the probes of operations. Ends come before starts, so that no
// operation is opened whose end would be missed.
func (s *Session) attach(all []*served) error {
	if len(all) == 0 {
		return nil
	}
	var errs []error
	all = slices.DeleteFunc(all, func(sv *served) bool {
		err := s.attachEnds(sv)
		errs = append(errs, err)
		return err != nil
	})
	if err := s.hook(); err != nil {
		return errors.Join(append(errs, err)...) // the session does not open
	}
	for _, sv := range all {
		errs = append(errs, s.attachStarts(sv))
	}
	return errors.Join(errs...)
}

func (s *Session) attachEnds(sv *served) error {
	if err := s.writeSites(sv); err != nil {
		return err
	}
	if sv.inKernel() {
		if err := sv.untilExit(true); err != nil {
			return err
		}
	}
	return s.attachActions(sv, actionPoint, actionReturn, actionDone)
}

func (s *Session) attachStarts(sv *served) error {
	if err := s.attachActions(sv, actionStart); err != nil || !sv.inKernel() {
		return err
	}
	// To attach takes the kernel a while, in which it does what is to be seen.
	sv.armed = true
	return s.writeSites(sv)
}

// attachActions attaches programs to their sites, or none.
func (s *Session) attachActions(sv *served, actions ...action) error {
	for _, a := range actions {
		if err := s.attachAction(sv, a); err != nil {
			return errors.Join(err, sv.detach())
		}
	}
	return nil
}

// attachAction attaches one program to its sites, one link for each file.
func (s *Session) attachAction(sv *served, a action) error {
	byFile := make(map[*binary][]int)
	inKernel := make(map[catalog.Address][]int)
	for i := range sv.sites {
		switch at := &sv.sites[i]; {
		case at.action != a:
		case at.kernel != nil:
			inKernel[at.address] = append(inKernel[at.address], i)
		default:
			byFile[at.file] = append(byFile[at.file], i)
		}
	}
	for _, indexes := range inKernel {
		if err := s.attachKernel(sv, a, indexes); err != nil {
			return err
		}
	}
	for file, indexes := range byFile {
		ex, err := link.OpenExecutable(file.attachPath())
		if err != nil {
			return fmt.Errorf("open %s: %w", file.path, err)
		}
		links, err := s.place(ex, sv, a, indexes)
		sv.links = append(sv.links, links...)
		if err != nil {
			return fmt.Errorf("attach to %s in %s: %w", sv.sites[indexes[0]].probe, file.path, explain(err))
		}
	}
	return nil
}

func (s *Session) place(ex *link.Executable, sv *served, a action, indexes []int) ([]io.Closer, error) {
	program, err := s.program(programOf[a])
	if err != nil {
		return nil, err
	}
	if !s.multi {
		return placeSingly(ex, program, a, sv, indexes)
	}
	var o link.UprobeMultiOptions
	for _, i := range indexes {
		o.Addresses = append(o.Addresses, sv.sites[i].offset)
		o.RefCtrOffsets = append(o.RefCtrOffsets, sv.sites[i].semaphore)
		o.Cookies = append(o.Cookies, uint64(sv.indexes[i]))
	}
	attach := ex.UprobeMulti
	if a == actionReturn {
		attach = ex.UretprobeMulti
	}
	l, err := attach(nil, program, &o)
	if err != nil {
		return nil, err
	}
	return []io.Closer{l}, nil
}

// placeSingly is the way of kernels before 6.6. It needs CAP_SYS_ADMIN.
func placeSingly(ex *link.Executable, program *ebpf.Program, a action, sv *served, indexes []int) (links []io.Closer, err error) {
	for _, i := range indexes {
		attach := ex.Uprobe
		if a == actionReturn {
			attach = ex.Uretprobe
		}
		l, err := attach("", program, &link.UprobeOptions{
			Address: sv.sites[i].offset, RefCtrOffset: sv.sites[i].semaphore, Cookie: uint64(sv.indexes[i]),
		})
		if err != nil {
			return links, err
		}
		links = append(links, l)
	}
	return links, nil
}

// programOf names the program of each action.
var programOf = [numActions]string{
	actionStart: bpf.ProgramsProgStart, actionDone: bpf.ProgramsProgDone,
	actionReturn: bpf.ProgramsProgDone, actionPoint: bpf.ProgramsProgPoint,
}

// detach removes the probes, starts first: they were attached last.
func (sv *served) detach() error {
	links := sv.links
	sv.links, sv.armed = nil, false
	if sv.inKernel() {
		return errors.Join(sv.untilExit(false), closeAll(links))
	}
	var errs []error
	for i := len(links) - 1; i >= 0; i-- {
		errs = append(errs, links[i].Close())
	}
	return errors.Join(errs...)
}

// inKernel reports whether the operation is seen at probes in the kernel.
func (sv *served) inKernel() bool { return len(sv.sites) > 0 && sv.sites[0].kernel != nil }

// kernelConfig adds what holds for operations at probes in the kernel.
func (s *Session) kernelConfig(c *bpf.ProgramsOpConfig, sv *served) {
	op, slots := sv.operation, sv.tier.Slots()
	c.Keyed, c.OfHost = bit(sv.tier.Keyed()), bit(sv.profile.OfHost())
	if !op.Point() && c.Keyed == 0 {
		slot, known := s.slots[sv.tier]
		if !known {
			slot = uint8(len(s.slots))
			s.slots[sv.tier] = slot
		}
		c.Slot = slot
	}
	for _, probe := range sv.tier.Start {
		if probe.When != nil {
			c.Conditional = 1
		}
	}
	for _, probe := range sv.tier.Done {
		if slices.ContainsFunc(probe.Addresses, isThreadExit) && probe.When == nil {
			c.ToExit = 1
		}
	}
	c.Error = uint8(slots.Value(op.Roles.Error) + 1)
	byValue := 0
	for _, name := range op.By {
		if slot := slots.Value(name); slot >= 0 && sv.missing[name] == "" {
			c.ByValue[byValue] = uint8(slot + 1)
			byValue++
		} else if slot := slots.String(name); slot >= 0 {
			c.ByString = uint8(slot + 1)
		}
	}
	for i, sum := range op.Sum {
		if slot := slots.Value(sum.Capture); slot >= 0 && sv.missing[sum.Capture] == "" {
			c.Sums[i] = uint8(slot + 1)
		}
	}
	if !op.Inline() {
		c.ThreadName = uint8(threadNameSlot + 1)
	}
}

// untilExit says, while the probes are attached, that the operation ends where its
// thread exits: it is not abandoned there.
func (s *Session) untilExit(sv *served, config bpf.ProgramsOpConfig) func(bool) error {
	return func(attached bool) error {
		if config.ToExit == 0 {
			return nil
		}
		now := config
		now.ToExit = bit(attached)
		if err := s.objects.Ops.Put(uint32(sv.op), now); err != nil {
			return fmt.Errorf("configure operation %s: %w", sv.operation.Name, err)
		}
		return nil
	}
}

// isThreadExit reports whether a probe is where a thread ends: an operation that
// ends there is not abandoned there.
func isThreadExit(a catalog.Address) bool {
	const name = "sched_process_exit"
	return a.Kind == catalog.RawTracepoint && a.Symbol == name || a.Kind == catalog.Tracepoint && a.Name == name
}

// threadNameSlot is the string of a record that holds the name of the thread, at
// probes in the kernel.
const threadNameSlot = bridge.MaxStrings - 1

// explain replaces a misleading hint: cilium/ebpf suspects the memory lock limit
// behind every EPERM.
func explain(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrPrivilege, os.ErrPermission)
	}
	return err
}

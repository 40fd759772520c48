// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// refusedError says that the kernel runs no program at an address. Another one
// may serve in its place.
type refusedError struct {
	address catalog.Address
	err     error
}

func (e *refusedError) Error() string { return fmt.Sprintf("%s: %v", e.address, e.err) }
func (e *refusedError) Unwrap() error { return e.err }

// kernelPrograms are the programs at probes in the kernel, made where they are
// needed.
type kernelPrograms struct {
	*bpf.Kernel
	shared map[programKey]*ebpf.Program // those to which the attach cookie tells the site
	hooks  []io.Closer

	mu  sync.Mutex // guards all and counting
	all []*ebpf.Program
	// traced are tracepoints with the shared programs that are attached there: a
	// program can be at one once only.
	traced map[tracedKey]bool
	// watched are the places of all system calls that have a program, and counting those
	// in the map of calls.
	watched  map[calledAt]bool
	counting map[uint32]bool
}

type tracedKey struct {
	action bpf.Action
	event  uint64
}

type programKey struct {
	action bpf.Action
	kind   ebpf.ProgramType
	attach ebpf.AttachType
}

// How many operations are kept by key at a time, over all: of the host, and of the
// statements that observed servers are at.
const (
	maxPending = 8192
	maxAsked   = 2048
)

// openKernel prepares for the probes in the kernel that the profiles may have.
func (s *Session) openKernel() error {
	settings := bpf.KernelSettings{WakeSize: s.cfg.RingBytes}
	wanted := false
	for _, profile := range s.cfg.Profiles {
		for _, op := range profile.Operations {
			for _, tier := range op.Tiers {
				if !tier.Kernel() || !s.cfg.Detail.Includes(op.Detail) || !s.cfg.Detail.Includes(tier.Detail) {
					continue
				}
				wanted = true
				settings.Strings = max(settings.Strings, tier.StringBytes()+threadNameBytes)
				switch {
				case op.Point():
				case tier.Keyed() && op.Inline():
					settings.Pending = max(settings.Pending, maxAsked)
				case tier.Keyed():
					settings.Pending = maxPending
				default:
					settings.Slots++
				}
			}
		}
	}
	if !wanted {
		return nil
	}
	if settings.Slots > maxSlots {
		return fmt.Errorf("%d operations at probes in the kernel, by thread, are more than %d", settings.Slots, maxSlots)
	}
	k, err := bpf.NewKernel(settings, s.kernel.cache, &s.objects.ProgramsMaps)
	if err != nil {
		return explainLoad(err)
	}
	s.inKernel = &kernelPrograms{
		Kernel: k, shared: make(map[programKey]*ebpf.Program), traced: make(map[tracedKey]bool),
		watched: make(map[calledAt]bool), counting: make(map[uint32]bool),
	}
	if err := s.inKernel.checkRoom(settings.Slots); err != nil {
		return err
	}
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_exit", Program: k.Objects.PendingExit})
	if err != nil {
		return fmt.Errorf("attach to scheduler events: %w", explain(err))
	}
	s.inKernel.hooks = append(s.inKernel.hooks, l)
	return nil
}

// checkRoom has the kernel try whether a thread can keep that many operations, unless they
// take less than the record of a statement.
func (k *kernelPrograms) checkRoom(operations int) error {
	const little = 4 << 10 // bytes
	size := k.Objects.PendingOfThread.ValueSize()
	if size <= little {
		return nil
	}
	fits, err := bpf.HasRoom(size)
	if err != nil {
		return explainLoad(err)
	}
	if !fits {
		return fmt.Errorf("%w: it gives a thread too little memory at once for %d operations at probes in the kernel: observe fewer at a time", ErrKernel, operations)
	}
	return nil
}

const (
	maxSlots        = 64 // what a thread keeps is one value of task storage
	threadNameBytes = 16 // TASK_COMM_LEN
)

func (k *kernelPrograms) close() error {
	if k == nil {
		return nil
	}
	var errs []error
	for _, h := range k.hooks {
		errs = append(errs, h.Close())
	}
	for _, p := range k.all {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, k.Kernel.Close())...)
}

// program returns one that serves all sites of a kind.
func (k *kernelPrograms) program(action bpf.Action, hook bpf.Hook) (*ebpf.Program, error) {
	key := programKey{action, hook.Type, hook.Attach}
	if p := k.shared[key]; p != nil {
		return p, nil
	}
	p, err := k.Program(action, hook)
	if err != nil {
		return nil, err
	}
	k.shared[key] = p
	k.keep(p)
	return p, nil
}

// keep holds a program until the end: it tells what it missed.
func (k *kernelPrograms) keep(p *ebpf.Program) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, p)
}

// missed counts the hits at which the kernel ran no program, since the processor
// was running one that must not be entered again (since Linux 6.7 also those of kprobes and
// tracepoints, kernel/trace/bpf_trace.c).
func (k *kernelPrograms) missed() uint64 {
	if k == nil {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	n := missedBy(k.Objects.PendingExit)
	for _, p := range k.all {
		n += missedBy(p)
	}
	return n
}

func missedBy(p *ebpf.Program) uint64 {
	stats, err := p.Stats()
	if err != nil {
		return 0
	}
	return stats.RecursionMisses
}

// Missed is how many hits of probes in the kernel, and ends of threads, ran no program.
// Since Linux 7 programs at raw tracepoints are preempted, and not entered meanwhile.
func (s *Session) Missed() uint64 {
	n := s.inKernel.missed()
	if p, err := s.program(bpf.ProgramsProgThreadExit); err == nil {
		n += missedBy(p)
	}
	return n
}

// actions are the programs' names for what is done at a site.
var actions = map[action]bpf.Action{actionStart: bpf.ActionStart, actionDone: bpf.ActionDone, actionPoint: bpf.ActionPoint}

// attachKernel attaches a program to sites in the kernel, each with its index.
// The sites are of one address or pattern.
func (s *Session) attachKernel(sv *served, a action, sites []int) error {
	point := sv.sites[sites[0]].kernel
	links, err := s.hang(sv, actions[a], point.address.Kind, sites)
	sv.links = append(sv.links, links...)
	if err != nil {
		return &refusedError{sv.sites[sites[0]].address, explainKernel(point.address.Kind, err)}
	}
	return nil
}

func (s *Session) hang(sv *served, action bpf.Action, kind catalog.ProbeKind, sites []int) ([]io.Closer, error) {
	switch kind {
	case catalog.Kprobe, catalog.Kretprobe:
		if sv.sites[sites[0]].kernel.address.Offset == 0 && features.HaveBPFLinkKprobeMulti() == nil {
			return s.hangMulti(sv, action, kind, sites)
		}
		if _, err := os.Stat(kprobeEvents); err != nil {
			return nil, errNoKprobes // but those of many functions
		}
		return eachSite(sv, sites, func(k *kernelPoint, index uint32) (io.Closer, error) {
			return s.hangKprobe(action, k, index)
		})
	case catalog.Tracepoint:
		return s.hangTracepoints(sv, action, sites)
	}
	hook := bpf.Hook{Type: ebpf.Tracing, Attach: map[catalog.ProbeKind]ebpf.AttachType{
		catalog.Fentry: ebpf.AttachTraceFEntry, catalog.Fexit: ebpf.AttachTraceFExit, catalog.RawTracepoint: ebpf.AttachTraceRawTp,
	}[kind]}
	return eachSite(sv, sites, func(k *kernelPoint, index uint32) (io.Closer, error) {
		hook := hook
		hook.To, hook.Site = k.address.Symbol, &index
		p, err := s.inKernel.Program(action, hook)
		if err != nil {
			return nil, err
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: p, AttachType: hook.Attach})
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		s.inKernel.keep(p)
		return l, nil
	})
}

// eachSite attaches to one site after the other; what is attached is returned
// with an error too.
func eachSite(sv *served, sites []int, attach func(k *kernelPoint, index uint32) (io.Closer, error)) (links []io.Closer, err error) {
	for _, i := range sites {
		l, err := attach(sv.sites[i].kernel, sv.indexes[i])
		if err != nil {
			return links, err
		}
		links = append(links, l)
	}
	return links, nil
}

// hangMulti attaches to all functions by one link (Linux 5.18 with CONFIG_FPROBE).
func (s *Session) hangMulti(sv *served, action bpf.Action, kind catalog.ProbeKind, sites []int) ([]io.Closer, error) {
	p, err := s.inKernel.program(action, bpf.Hook{Type: ebpf.Kprobe, Attach: ebpf.AttachTraceKprobeMulti})
	if err != nil {
		return nil, err
	}
	var o link.KprobeMultiOptions
	for _, i := range sites {
		o.Symbols = append(o.Symbols, sv.sites[i].kernel.address.Symbol)
		o.Cookies = append(o.Cookies, uint64(sv.indexes[i]))
	}
	attach := link.KprobeMulti
	if kind == catalog.Kretprobe {
		attach = link.KretprobeMulti
	}
	l, err := attach(p, o)
	if err != nil {
		return nil, err
	}
	return []io.Closer{l}, nil
}

func (s *Session) hangKprobe(action bpf.Action, k *kernelPoint, index uint32) (io.Closer, error) {
	p, err := s.inKernel.program(action, bpf.Hook{Type: ebpf.Kprobe})
	if err != nil {
		return nil, err
	}
	o := &link.KprobeOptions{Cookie: uint64(index), Offset: k.address.Offset}
	if k.address.Kind == catalog.Kretprobe {
		return link.Kretprobe(k.address.Symbol, p, o)
	}
	return link.Kprobe(k.address.Symbol, p, o)
}

// fewTracepoints is how many are attached as perf events whatever they are for. To detach
// each the kernel takes some 40 ms, one after the other (perf_trace_event_unreg,
// kernel/trace/trace_event_perf.c): of more, those that are only counted are attached otherwise.
const fewTracepoints = 8

func (s *Session) hangTracepoints(sv *served, action bpf.Action, sites []int) (links []io.Closer, err error) {
	many := action == bpf.ActionPoint && len(sites) > fewTracepoints && onlyCounts(sv, sites)
	if many {
		if links, sites, err = s.inKernel.hangCalls(sv, sites); err != nil {
			return links, err
		}
	}
	raw := many && s.kernel.version < kernel70
	each, err := eachSite(sv, sites, func(k *kernelPoint, index uint32) (io.Closer, error) {
		if raw {
			l, err := s.inKernel.hangRaw(k, index)
			if err == nil {
				return l, nil
			}
			raw = errors.Is(err, os.ErrNotExist) // others may have one
		}
		return s.inKernel.hangTracepoint(action, k.event.ID, index)
	})
	return append(links, each...), err
}

// onlyCounts reports whether nothing of the tracepoints' records is looked at.
func onlyCounts(sv *served, sites []int) bool {
	return !slices.ContainsFunc(sites, func(i int) bool {
		spec := &sv.sites[i].spec
		return spec.When != 0 || spec.Given.Kind != argNone
	})
}

// hangTracepoint attaches the shared program to a tracepoint, or, where that is
// already, one of its own.
func (k *kernelPrograms) hangTracepoint(action bpf.Action, event uint64, index uint32) (io.Closer, error) {
	hook, key := bpf.Hook{Type: ebpf.TracePoint}, tracedKey{action, event}
	if !k.traced[key] {
		p, err := k.program(action, hook)
		if err != nil {
			return nil, err
		}
		l, err := attachTracepoint(p, event, uint64(index))
		k.traced[key] = err == nil
		return l, err
	}
	hook.Site = &index
	p, err := k.Program(action, hook)
	if err != nil {
		return nil, err
	}
	k.keep(p)
	return attachTracepoint(p, event, uint64(index))
}

// perfLink is a link to a perf event, with the event.
type perfLink struct{ link, event int }

func (l *perfLink) Close() error {
	return errors.Join(unix.Close(l.link), unix.Close(l.event))
}

// attachTracepoint attaches by the number of a tracepoint, as cilium/ebpf does,
// which would look it up in a mounted tracefs. The event is of one processor, and
// the program runs on all of them (kernel/trace/bpf_trace.c).
func attachTracepoint(p *ebpf.Program, id, cookie uint64) (io.Closer, error) {
	event, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample_type: unix.PERF_SAMPLE_RAW, Sample: 1, Wakeup: 1,
	}, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the event: %w", err)
	}
	// union bpf_attr for BPF_LINK_CREATE, include/uapi/linux/bpf.h.
	attr := struct {
		program, target, attach, flags uint32
		cookie                         uint64
	}{uint32(p.FD()), uint32(event), uint32(ebpf.AttachPerfEvent), 0, cookie}
	const linkCreate = 28 // BPF_LINK_CREATE
	fd, _, errno := unix.Syscall(unix.SYS_BPF, linkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("link the program: %w", syscall.Errno(errno)), unix.Close(event))
	}
	return &perfLink{int(fd), event}, nil
}

// closeAll closes at the same time: to remove a link the kernel waits until no
// program of it runs any more.
func closeAll(links []io.Closer) error {
	errs := make([]error, len(links))
	var closing sync.WaitGroup
	for i, l := range links {
		closing.Go(func() { errs[i] = l.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

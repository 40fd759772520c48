// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// ErrPrivilege is wrapped where the kernel refuses for lack of privilege.
var ErrPrivilege = errors.New("not permitted: run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE (CAP_SYS_ADMIN before Linux 6.6)")

// ErrKernel is wrapped where the kernel lacks what the programs need.
var ErrKernel = errors.New("this kernel cannot run the probes")

// Config says what to observe and how closely. The zero value of a field
// means its default.
type Config struct {
	Profiles    []*catalog.Profile // whose processes and operations
	Targets     []Target           // only these processes; none: all that a profile serves
	Tiers       []string           // only tiers of these names; none: the best that serves
	Detail      catalog.Detail     // default query
	MinDuration time.Duration      // shorter operations give no span, unless they fail
	Sample      float64            // share of operations that give a span; 0 means 1
	Programs                       // how the programs are loaded
	// SymbolCache is a folder of the user's own in which the results of
	// searches for symbols are kept from one start to the next. "": none are.
	SymbolCache string
	// Ahead are the programs that are being loaded with the same settings, or nil.
	Ahead *Ahead
	// Logf tells the user what happens while the session runs: a target that
	// appeared, a tier that changed. Nil: nobody is told.
	Logf func(format string, args ...any)
}

// Programs are the settings with which the programs are loaded. The zero value of
// a field means its default.
type Programs struct {
	TextHead  int // bytes kept of a statement's start; default 4096, the most that every kernel has room for
	RingBytes int // size of the ring buffer; default 8 MiB
	// Attribution tells what the time of each operation was spent with: the
	// programs look at every switch of a thread on this machine.
	Attribution bool
	// WaitThreshold is from which length on waits are told one by one; default
	// a millisecond.
	WaitThreshold time.Duration
}

const defaultText = 4096 // bytes

func (p *Programs) setDefaults() {
	if p.TextHead == 0 {
		p.TextHead = defaultText
	}
	if p.RingBytes == 0 {
		p.RingBytes = 8 << 20
	}
	if p.WaitThreshold == 0 {
		p.WaitThreshold = time.Millisecond
	}
}

// maxSites is how many probe sites can be attached at a time.
const maxSites = 1024

func (c *Config) setDefaults() {
	if c.Detail == "" {
		c.Detail = catalog.DetailQuery
	}
	if c.Sample == 0 {
		c.Sample = 1
	}
	c.Programs.setDefaults()
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
}

// Session is a set of attached probes. It is a [bridge.Source] of what they
// see and the [bridge.Directory] of what that means.
type Session struct {
	scout        // of the goroutine that scans, but for cfg
	multi   bool // uprobe_multi links exist
	objects *bpf.Loading
	hooks   []link.Link
	hooked  bool
	reader  *ringbuf.Reader
	execs   *ringbuf.Reader
	sample  ringbuf.Record

	inKernel *kernelPrograms // nil: no profile has probes there

	// Only the goroutine that scans uses these.
	served   map[string]*served
	nextSite uint32
	slots    map[*catalog.Tier]uint8 // where threads keep operations at probes in the kernel

	mu         sync.RWMutex // guards the two maps
	instances  map[uint32]*instance
	siteCounts map[uint16][]siteCount // by operation
	table      atomic.Pointer[[]*bridge.Operation]
	report     atomic.Pointer[Report]

	opening sync.Mutex // guards the kernel side's one place for a record of what is open
	later   sync.Map   // []bpf.ProgramsCapture by operation: what to read of an open one
	// unsettled are operations of which it becomes known late whose they are: whether
	// only those of some processes are asked for.
	unsettled  sync.Map
	left       [][]byte                         // records of what was open when the session drained
	leftInside []*bridge.Record                 // what the kernel did inside of those
	known      map[openKey]*bridge.Record       // what was read of those just before
	taken      [bpf.MaxOperations]atomic.Uint64 // how many of each operation

	background   sync.WaitGroup // what goes on after the start
	draining     atomic.Bool
	closeOnce    sync.Once
	decodeErrors atomic.Uint64
}

var (
	_ bridge.Source     = (*Session)(nil)
	_ bridge.Directory  = (*Session)(nil)
	_ bridge.OpenSource = (*Session)(nil)
)

// Open loads the programs and attaches the probes of every target that runs.
// It is no error if there is none: [Session.Watch] waits for it. Errors wrap
// ErrPrivilege or ErrKernel where that is the cause.
func Open(cfg Config) (*Session, error) {
	scout, err := newScout(cfg)
	if err != nil {
		return nil, err
	}
	s := &Session{scout: scout, served: make(map[string]*served), slots: make(map[*catalog.Tier]uint8), instances: make(map[uint32]*instance), siteCounts: make(map[uint16][]siteCount)}
	s.table.Store(&[]*bridge.Operation{})
	s.report.Store(&Report{})
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.background.Go(s.loadIterators)
	return s, nil
}

// start attaches what is there.
func (s *Session) start() error {
	ahead := s.ahead()
	s.survey()
	if len(s.seen) > 0 {
		defer waitAhead(&s.background)()
	}
	if err := s.take(ahead); err != nil {
		return err
	}
	// What the survey has found is attached while the verifier is at work on the hooks;
	// the scan after them misses nothing that starts meanwhile.
	for _, step := range []func() error{s.reconcile, s.hook, s.Scan} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// hook attaches, once, what follows the life of threads and processes, and what keeps
// the clocks of threads with an open operation. It has to be there before the first
// operation begins.
func (s *Session) hook() error {
	if s.hooked {
		return nil
	}
	s.hooked = true
	for event, name := range map[string]string{
		"sched_process_exit": bpf.ProgramsProgThreadExit, "sched_process_exec": bpf.ProgramsProgProcessExec,
	} {
		p, err := s.program(name)
		if err != nil {
			return err
		}
		l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: event, Program: p})
		if err != nil {
			return fmt.Errorf("attach to scheduler events: %w", explain(err))
		}
		s.hooks = append(s.hooks, l)
	}
	if !s.cfg.Attribution {
		return nil
	}
	p, err := s.program(bpf.ProgramsProgThreadSwitch)
	if err != nil {
		return err
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: p})
	if err != nil {
		return fmt.Errorf("attach to switches of threads: %w", explain(err))
	}
	s.hooks = append(s.hooks, l)
	return nil
}

// Close detaches every probe, ends Next and frees what the kernel holds. What
// is still in the ring buffer is lost; see Drain.
func (s *Session) Close() error {
	var errs []error
	s.closeOnce.Do(func() {
		errs = append(errs, s.detachAll())
		for _, l := range s.hooks {
			errs = append(errs, l.Close())
		}
		for _, r := range []*ringbuf.Reader{s.reader, s.execs} {
			if r != nil {
				errs = append(errs, r.Close())
			}
		}
		errs = append(errs, s.inKernel.close())
		if s.objects != nil {
			errs = append(errs, s.objects.Close())
		}
		s.kernel.close()
		s.files.close()
		s.background.Wait()
	})
	return errors.Join(errs...)
}

// Drain detaches every probe and lets Next deliver what is in the ring buffer,
// then what is open, marked as unfinished, and then io.EOF. Watch must have
// returned.
func (s *Session) Drain() error {
	// Servers are read while their threads' records go on with them.
	known, err := s.openRecords(settled)
	s.known = known
	// What ends before is not taken as open, and who tells of an end has told before the last record is read.
	err = errors.Join(err, s.detachAll(), s.awaitPrograms(), s.takeOpen(), s.awaitPrograms())
	s.draining.Store(true)
	return errors.Join(err, s.reader.Flush())
}

// detachAll detaches all operations at the same time: to remove a link the
// kernel waits until no program of it runs any more.
func (s *Session) detachAll() error {
	results := make(chan error, len(s.served))
	for _, sv := range s.served {
		go func() { results <- sv.detach() }()
	}
	var errs []error
	for range s.served {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// Watch keeps up with processes that start, end, are replaced or load
// libraries, until the context ends.
func (s *Session) Watch(ctx context.Context) error {
	const full = 10 * time.Second
	last, told := time.Now(), ""
	for ctx.Err() == nil {
		pids := s.awaitExec(200 * time.Millisecond)
		if time.Since(last) > full {
			pids, last = nil, time.Now()
		} else if pids == nil {
			pids = []int{}
		}
		err := s.scan(pids)
		if err != nil && err.Error() != told {
			told = err.Error()
			s.cfg.Logf("%s", told)
		}
	}
	return nil
}

// awaitExec returns the processes that executed a program within that time.
func (s *Session) awaitExec(wait time.Duration) (pids []int) {
	s.execs.SetDeadline(time.Now().Add(wait))
	for {
		r, err := s.execs.Read()
		if err != nil {
			return pids
		}
		if len(r.RawSample) >= 4 {
			pids = append(pids, int(nativeUint32(r.RawSample)))
		}
		s.execs.SetDeadline(time.Now())
	}
}

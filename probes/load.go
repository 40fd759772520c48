// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/spanbridge/spanbridge/bpf"
)

// Ahead is the loading of the programs, begun before it is known what they shall
// observe. It is used once, by [Open]; a program that does not get there ends.
type Ahead struct {
	settings Programs
	done     chan struct{}
	multi    bool // uprobe_multi links exist
	types    *btf.Cache
	objects  *bpf.Loading
	err      error
}

// GoAhead begins to load the programs, for these settings of a [Config], and
// does not wait for it. What fails is told by Open.
func GoAhead(settings Programs) *Ahead {
	settings.setDefaults()
	// The types come first: of what a program waits for they take the longest.
	a := &Ahead{settings: settings, done: make(chan struct{}), types: bpf.KernelTypes()}
	go func() {
		defer close(a.done)
		a.err = a.load()
	}()
	return a
}

func (a *Ahead) load() error {
	if _, err := os.Stat(vmlinuxBTF); err != nil {
		return fmt.Errorf("%w: it has no BTF in %s; use a kernel built with CONFIG_DEBUG_INFO_BTF", ErrKernel, vmlinuxBTF)
	}
	multiErr := features.HaveBPFLinkUprobeMulti()
	if errors.Is(multiErr, os.ErrPermission) {
		return ErrPrivilege
	}
	a.multi = multiErr == nil
	if err := checkText(a.settings.TextHead); err != nil {
		return err
	}
	spec, err := bpf.Spec(bpf.Settings{
		TextHead: a.settings.TextHead, RingBytes: a.settings.RingBytes, Sites: maxSites, Single: !a.multi,
		Attribution: a.settings.Attribution, WaitThreshold: a.settings.WaitThreshold,
	})
	if err != nil {
		return err
	}
	if a.objects, err = bpf.Begin(spec, a.types, inOrder(a.settings)...); err != nil {
		return explainLoad(err)
	}
	return nil
}

// textError says that the kernel has no room for the texts of statements that were asked for.
type textError struct{ asked, longest int }

func (e *textError) Error() string {
	return fmt.Sprintf("this kernel gives a thread too little memory at once for %d bytes of a statement's text: give --text-bytes %d or less", e.asked, e.longest)
}
func (e *textError) Unwrap() error { return ErrKernel }

// checkText has the kernel try whether it has room for texts that are longer than usual.
func checkText(size int) error {
	if size <= defaultText {
		return nil
	}
	longest, err := bpf.LongestText(size)
	if err != nil {
		return explainLoad(err)
	}
	if longest < size {
		return &textError{size, longest}
	}
	return nil
}

// inOrder names the programs that a session needs to open, in the order in which it
// does: the two large ones, of which each keeps a processor busy, before the others.
func inOrder(settings Programs) []string {
	names := []string{
		bpf.ProgramsProgDone, bpf.ProgramsProgStart, bpf.ProgramsProgThreadExit, bpf.ProgramsProgProcessExec,
	}
	if settings.Attribution {
		names = append(names, bpf.ProgramsProgThreadSwitch)
	}
	return names
}

// loadIterators loads the programs that read what is open. Nobody asks for that at
// first, and a start need not wait for them.
func (s *Session) loadIterators() {
	load := func(get func(string) (*ebpf.Program, error), names ...string) {
		for _, name := range names {
			if _, err := get(name); err != nil && !errors.Is(err, bpf.ErrClosed) {
				s.cfg.Logf("what is open cannot be told: %v", err)
			}
		}
	}
	load(s.program, bpf.ProgramsProgReadOpen, bpf.ProgramsProgCountOpen)
	if s.inKernel != nil {
		load(s.inKernel.iterator, bpf.KernelIterators...)
	}
}

// program returns one of the programs when it is loaded.
func (s *Session) program(name string) (*ebpf.Program, error) {
	p, err := s.objects.Program(name)
	if err != nil {
		return nil, explainLoad(err)
	}
	return p, nil
}

// ahead returns the programs that are being loaded.
func (s *Session) ahead() *Ahead {
	if a := s.cfg.Ahead; a != nil && a.settings == s.cfg.Programs {
		return a
	}
	return GoAhead(s.cfg.Programs)
}

// take waits for the maps, and makes them and the programs the session's own.
func (s *Session) take(ahead *Ahead) (err error) {
	<-ahead.done
	if ahead.err != nil {
		return ahead.err
	}
	s.objects, s.multi, s.kernel.cache = ahead.objects, ahead.multi, ahead.types
	if s.reader, err = ringbuf.NewReader(s.objects.Events); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	if s.execs, err = ringbuf.NewReader(s.objects.Execs); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	return s.openKernel()
}

func explainLoad(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		return fmt.Errorf("%w: load programs: %v", ErrKernel, err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("load programs: %w", ErrPrivilege)
	}
	return fmt.Errorf("load programs: %w", err)
}

// survey finds the targets and reads their files, addresses and symbols, so
// that the first scan has them at hand. What goes wrong here goes wrong there
// again, and is told then.
func (s *Session) survey() {
	pids, err := allProcesses()
	if err != nil {
		return
	}
	for _, pid := range pids {
		s.discover(pid)
	}
	for _, o := range s.seen {
		if err := s.examine(o); err == nil {
			s.learn(o)
		}
	}
}

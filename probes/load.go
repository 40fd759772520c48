// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/spanbridge/spanbridge/bpf"
)

// prepare loads the programs and meanwhile looks at the targets.
func (s *Session) prepare() error {
	loaded := make(chan error, 1)
	go func() { loaded <- s.load() }()
	s.survey()
	return <-loaded
}

// load loads the programs.
func (s *Session) load() error {
	if _, err := os.Stat(vmlinuxBTF); err != nil {
		return fmt.Errorf("%w: it has no BTF in %s; use a kernel built with CONFIG_DEBUG_INFO_BTF", ErrKernel, vmlinuxBTF)
	}
	types := bpf.KernelTypes()
	multiErr := features.HaveBPFLinkUprobeMulti()
	if errors.Is(multiErr, os.ErrPermission) {
		return ErrPrivilege
	}
	s.multi = multiErr == nil
	spec, err := bpf.Spec(bpf.Settings{
		TextHead: s.cfg.TextHead, RingBytes: s.cfg.RingBytes, Sites: maxSites, Single: !s.multi,
	})
	if err != nil {
		return err
	}
	if err := bpf.Load(spec, types, &s.objects); err != nil {
		return explainLoad(err)
	}
	if s.reader, err = ringbuf.NewReader(s.objects.Events); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	if s.execs, err = ringbuf.NewReader(s.objects.Execs); err != nil {
		return fmt.Errorf("open ring buffer: %w", err)
	}
	return nil
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

// SPDX-License-Identifier: Apache-2.0

package hits

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Kind is a kind of probe and what a hit of it takes.
type Kind struct {
	Name, What string
	Missing    string    // why it could not be measured
	Ns         []float64 // one hit, above what is hit takes without the probe; of each slice
	// Steps are what a step of arithmetic took right before each slice, ns: the speed of
	// the processor, which changes with its clock and with what its other half does.
	Steps []float64
}

// Samples are what was measured.
type Samples struct {
	Kinds []Kind
	Ring  Ring
}

const (
	runs    = 8    // of a slice, of which the shortest counts
	perRun  = 1000 // hits
	warming = 100  // hits before: the first one may rewrite the site, and faults pages in

	mostOfACall = 100 // ns, of a function that does nothing
)

// Measure takes slices of every kind, in an order drawn anew for each round, with that program
// at the probes: see [Empty]. It needs the privilege to attach probes; what the kernel
// refuses is told as missing.
func Measure(ctx context.Context, rounds int, program asm.Instructions) (*Samples, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would stop the loop
	all := host{program}.kinds()
	s := &Samples{Kinds: make([]Kind, len(all))}
	for i, k := range all {
		s.Kinds[i] = Kind{Name: k.name, What: k.what}
	}
	r, err := openRing()
	if err != nil {
		s.Ring.Missing = err.Error()
	} else {
		defer r.close()
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	for range rounds {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			if err := slice(&s.Kinds[i], &all[i]); err != nil {
				return nil, err
			}
		}
		if r != nil {
			if err := r.slice(&s.Ring); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// slice measures a kind once, with and without its probe.
func slice(of *Kind, k *kind) error {
	if of.Missing != "" {
		return nil
	}
	step, err := shortest(arithmetic)
	if err != nil {
		return err
	}
	without, err := shortest(k.run)
	if err != nil {
		return err
	}
	if k.own && without > mostOfACall {
		return errors.New("somebody else has probes at this program's own functions")
	}
	if k.attach == nil {
		of.Ns, of.Steps = append(of.Ns, without), append(of.Steps, step)
		return nil
	}
	probe, err := k.attach()
	if err != nil {
		of.Missing = refusal(err)
		return nil
	}
	with, err := shortest(k.run)
	if closed := probe.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("measure %s: %w", k.name, err)
	}
	of.Ns, of.Steps = append(of.Ns, with-without), append(of.Steps, step)
	return nil
}

// arithmetic makes steps of which each needs the one before.
func arithmetic(steps int) {
	x := uint64(steps)
	for range steps {
		x ^= x << 13 // Marsaglia's xorshift
		x ^= x >> 7
		x ^= x << 17
	}
	runtime.KeepAlive(x)
}

// refusal says why there is no such probe, without the verifier's log.
func refusal(err error) string {
	if errors.Is(err, ebpf.ErrNotSupported) {
		return "this kernel does not have it"
	}
	if errors.Is(err, unix.EPERM) { // of which the library guesses the cause
		return "not permitted"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// shortest returns the nanoseconds of one hit in the shortest of some runs.
func shortest(run func(times int)) (least float64, err error) {
	run(warming)
	for i := range runs {
		begin, err := spent()
		if err != nil {
			return 0, err
		}
		run(perRun)
		end, err := spent()
		if err != nil {
			return 0, err
		}
		if ns := float64(end-begin) / perRun; i == 0 || ns < least {
			least = ns
		}
	}
	return least, nil
}

// spent is the processor time of this thread.
func spent() (int64, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0, fmt.Errorf("read the thread's clock: %w", err)
	}
	return t.Nano(), nil
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

func TestMissingCapabilitiesAreNamed(t *testing.T) {
	set := func(list ...int) (all uint64) {
		for _, n := range list {
			all |= 1 << n
		}
		return all
	}
	three := set(unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_PTRACE)
	for _, c := range []struct {
		name          string
		set           uint64
		first, single bool
		want          string
	}{
		{"root", 1<<41 - 1, true, true, "ok: all that are needed"},
		{"the three", three, true, false, "ok: all that are needed"},
		{"the three before Linux 6.6", three, true, true, "missing: without CAP_SYS_ADMIN"},
		{"the administrator's", set(unix.CAP_SYS_ADMIN), true, true, "missing: without CAP_SYS_PTRACE"},
		{"nobody's", 0, true, false, "missing: without CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE"},
		{"all of a user namespace", 1<<41 - 1, false, false, "missing: in a user namespace of its own nothing can be attached"},
	} {
		got := checkPrivileges(c.set, c.first, c.single)
		if said := fmt.Sprintf("%s: %s", got.State, got.Detail); said != c.want {
			t.Errorf("%s: got %q, want %q", c.name, said, c.want)
		}
		if (got.Mend == "") != (got.State == StateOK) {
			t.Errorf("%s: %s with the mend %q", c.name, got.State, got.Mend)
		}
	}
}

func TestCapabilitiesAreTheEffectiveOnes(t *testing.T) {
	status := "Name:\tCapEff:\nCapPrm:\t000001ffffffffff\nCapEff:\t0000004000080000\nCapBnd:\t000001ffffffffff\n"
	if got, want := capabilities([]byte(status)), uint64(1<<unix.CAP_PERFMON|1<<unix.CAP_SYS_PTRACE); got != want {
		t.Errorf("got %#x, want %#x", got, want)
	}
	for _, none := range []string{"", "CapEff:\tmany\n", "CapPrm:\t1\n"} {
		if got := capabilities([]byte(none)); got != 0 {
			t.Errorf("%q gives %#x", none, got)
		}
	}
}

func TestKernelsAreJudgedByWhatTheyHave(t *testing.T) {
	unsupported := fmt.Errorf("probe: %w", ebpf.ErrNotSupported)
	denied := fmt.Errorf("probe: %w", os.ErrPermission)
	for _, c := range []struct {
		name string
		got  Check
		want State
	}{
		{"6.1", checkKernel(kernel61, "6.1.0"), StateOK},
		{"6.0", checkKernel(6<<16, "6.0.0"), StateMissing},
		{"a feature", checkFeature("x", "X", nil), StateOK},
		{"no feature", checkFeature("x", "X", unsupported), StateMissing},
		{"a feature that may not be looked for", checkFeature("x", "X", denied), StateUnknown},
		{"a feature that cannot be looked for", checkFeature("x", "X", errors.New("no memory")), StateUnknown},
		{"no uprobe_multi", checkMulti(unsupported), StateLimited},
		{"no lockdown", checkLockdown("[none] integrity confidentiality"), StateOK},
		{"no securityfs", checkLockdown(""), StateOK},
		{"lockdown for integrity", checkLockdown("none [integrity] confidentiality"), StateOK},
		{"lockdown for confidentiality", checkLockdown("none integrity [confidentiality]"), StateMissing},
		{"no Yama", checkPtrace(""), StateOK},
		{"restricted ptrace", checkPtrace("1"), StateOK},
		{"no ptrace", checkPtrace("3"), StateLimited},
	} {
		if c.got.State != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.name, c.got.State, c.want, c.got.Detail)
		}
		if bad := c.got.State == StateMissing || c.got.State == StateLimited; bad != (c.got.Mend != "") {
			t.Errorf("%s: %s with the mend %q", c.name, c.got.State, c.got.Mend)
		}
	}
}

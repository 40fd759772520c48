// SPDX-License-Identifier: Apache-2.0

//go:build integration

package kernel

import (
	"errors"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/spanbridge/spanbridge/bpf"
)

// maxVerified bounds what the verifier may have to look at. It gives up at a
// million instructions (BPF_COMPLEXITY_LIMIT_INSNS), and older kernels need
// more than newer ones for the same program.
const maxVerified = 300_000

// withoutKfunc makes the programs believe that the kernel has no
// bpf_copy_from_user_str, as those before Linux 6.12.
func withoutKfunc(t *testing.T, spec *ebpf.CollectionSpec) {
	t.Helper()
	var f *btf.Func
	if err := spec.Types.TypeByName("bpf_copy_from_user_str", &f); err != nil {
		t.Fatal(err)
	}
	f.Name = "spanbridge_no_such_function"
}

func settings() bpf.Settings {
	return bpf.Settings{TextHead: 4096, RingBytes: 1 << 20, Sites: 16, Attribution: true, WaitThreshold: time.Millisecond}
}

// load loads the programs and logs what the verifier says if it refuses.
func load(t *testing.T, spec *ebpf.CollectionSpec) *bpf.ProgramsObjects {
	t.Helper()
	var objects bpf.ProgramsObjects
	if err := bpf.Load(spec, bpf.KernelTypes(), &objects); err != nil {
		var refused *ebpf.VerifierError
		if errors.As(err, &refused) {
			t.Fatalf("the verifier refuses: %-40v", refused) // the last lines
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { objects.Close() })
	return &objects
}

func TestKernelLoadsThePrograms(t *testing.T) {
	small, large := settings(), settings()
	small.TextHead, large.TextHead = bpf.MinTextHead, bpf.MaxTextHead
	single := settings()
	single.Single = true
	tests := []struct {
		name     string
		settings bpf.Settings
		old      bool // without the newest function
	}{
		{"for links to many uprobes", settings(), false},
		{"for single uprobes", single, false},
		{"with the shortest text", small, false},
		{"with the longest text", large, false},
		{"for Linux before 6.12", settings(), true},
		{"for Linux before 6.6", single, true},
		{"with the longest text for Linux before 6.12", large, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, err := bpf.Spec(test.settings)
			if err != nil {
				t.Fatal(err)
			}
			if test.old {
				withoutKfunc(t, spec)
			}
			objects := load(t, spec)
			for name, p := range map[string]*ebpf.Program{
				"start": objects.Start, "done": objects.Done, "point": objects.Point,
				"thread_exit": objects.ThreadExit, "process_exec": objects.ProcessExec,
				"count_open": objects.CountOpen, "read_open": objects.ReadOpen, "thread_switch": objects.ThreadSwitch,
			} {
				info, err := p.Info()
				if err != nil {
					t.Fatal(err)
				}
				n, ok := info.VerifiedInstructions()
				if !ok {
					t.Fatal("the kernel does not tell verified instructions")
				}
				t.Logf("%s: %d instructions verified", name, n)
				if n > maxVerified {
					t.Errorf("%s: %d instructions verified, want at most %d", name, n, maxVerified)
				}
			}
		})
	}
}

func TestNothingIsLeftOfALoadThatIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*ebpf.CollectionSpec){
		"a map":                         func(spec *ebpf.CollectionSpec) { spec.Maps["events"].MaxEntries = 4097 },
		"a large program":               func(spec *ebpf.CollectionSpec) { cutOff(spec.Programs["done"]) },
		"one of several small programs": func(spec *ebpf.CollectionSpec) { cutOff(spec.Programs["point"]) },
	} {
		t.Run(name, func(t *testing.T) {
			spec, err := bpf.Spec(settings())
			if err != nil {
				t.Fatal(err)
			}
			spoil(spec)
			var objects bpf.ProgramsObjects
			if err := bpf.Load(spec, bpf.KernelTypes(), &objects); err == nil {
				t.Error("it was not refused")
			}
			if objects != (bpf.ProgramsObjects{}) {
				t.Errorf("left: %+v", objects)
			}
		})
	}
}

// cutOff takes the end of a program, which the verifier refuses.
func cutOff(p *ebpf.ProgramSpec) { p.Instructions = p.Instructions[:len(p.Instructions)-1] }

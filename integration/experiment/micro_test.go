// SPDX-License-Identifier: Apache-2.0

//go:build integration

package experiment

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/spanbridge/spanbridge/compare/experiment"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/probes/hits"
)

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }

// spanbridge runs the program, and returns what it printed and its exit code.
func spanbridge(t *testing.T, args ...string) (out []byte, code int) {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stderr = os.Stderr
	out, err = cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out, cmd.ProcessState.ExitCode()
}

// A probe at an emulated instruction costs less than at one that is single-stepped; an
// experiment made twice shows no regression, and dearer programs at the probes do.
func TestMicroExperimentsFindWhatHasBecomeDearer(t *testing.T) {
	before, after := filepath.Join(t.TempDir(), "before.json"), filepath.Join(t.TempDir(), "after.json")
	if _, code := spanbridge(t, "experiment", "micro", "--rounds", "6", "--save", before); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	orderOfKinds(t, before)
	if out, code := spanbridge(t, "experiment", "micro", "--rounds", "6", "--baseline", before, "--threshold", "0.25"); code != 0 {
		t.Errorf("the same once more: exit code %d\n%s", code, out)
	}
	samples, err := hits.Measure(t.Context(), 6, slow())
	if err != nil {
		t.Fatal(err)
	}
	was, err := experiment.Load(before)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []experiment.Sample
	for _, k := range samples.Kinds {
		kinds = append(kinds, experiment.Sample{Name: k.Name, Unit: "ns", Missing: k.Missing, Values: k.Ns, Steps: k.Steps})
	}
	if err := experiment.OfSamples(was.Environment, kinds).Save(after); err != nil {
		t.Fatal(err)
	}
	out, code := spanbridge(t, "experiment", "judge", "--json", before, after)
	if code != 4 {
		t.Errorf("dearer programs: exit code %d", code)
	}
	var judged struct{ Judgement *experiment.Judgement }
	if err := json.Unmarshal(out, &judged); err != nil {
		t.Fatal(err)
	}
	for _, d := range judged.Judgement.Decisions {
		switch {
		case d.Verdict == experiment.Missing:
		case d.Figure == "syscall" && d.Verdict == experiment.Worse:
			t.Errorf("nothing is attached to a system call, and it is told to be worse: %+v", d)
		case d.Figure != "syscall" && d.Verdict != experiment.Worse:
			t.Errorf("%s with a program of some µs: %+v", d.Figure, d)
		}
	}
}

// orderOfKinds checks what must be so on every machine.
func orderOfKinds(t *testing.T, path string) {
	t.Helper()
	d, err := experiment.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	figures := make(map[string]experiment.Figure)
	for _, f := range d.Figures {
		figures[f.Name] = f
		t.Logf("%-16s %6.0f ns (%.0f to %.0f) %s", f.Name, f.Value, f.Low, f.High, f.Missing)
		if f.Missing == "" && (f.Low > f.Value || f.Value > f.High || f.Low < -50 || f.High > 1e6) {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
	lower := func(a, b string) {
		if x, y := figures[a], figures[b]; x.Missing != "" || y.Missing != "" || x.High >= y.Low {
			t.Errorf("%s (%v to %v ns) does not cost less than %s (%v to %v ns)", a, x.Low, x.High, b, y.Low, y.High)
		}
	}
	if runtime.GOARCH == "amd64" {
		lower("usdt", "uprobe/endbr64")
		lower("uprobe/push", "uprobe/mov")
		lower("usdt", "uretprobe")
		lower("raw_tracepoint", "usdt")
	}
}

// slow is a program that reads the clock again and again.
func slow() asm.Instructions {
	const times = 100
	return asm.Instructions{
		asm.Mov.Imm(asm.R6, times),
		asm.FnKtimeGetNs.Call().WithSymbol("again"),
		asm.Sub.Imm(asm.R6, 1),
		asm.JNE.Imm(asm.R6, 0, "again"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/spanbridge/spanbridge/compare/experiment"
	"github.com/spanbridge/spanbridge/compare/interval"
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

// An experiment is kept, is held to itself, and to one with dearer programs at the probes.
func TestMicroExperimentsAreKeptAndJudged(t *testing.T) {
	before, after := filepath.Join(t.TempDir(), "before.json"), filepath.Join(t.TempDir(), "after.json")
	if _, code := spanbridge(t, "experiment", "micro", "--rounds", "6", "--save", before); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	was, err := experiment.Load(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range was.Figures {
		t.Logf("%-16s %6.0f ns (%.0f to %.0f) %s", f.Name, f.Value, f.Low, f.High, f.Missing)
		if f.Missing == "" && (f.Low > f.Value || f.Value > f.High || f.Low < -50 || f.High > 1e6) {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
	// Nothing takes ten times as long as a minute before, whatever else the machine does.
	if out, code := spanbridge(t, "experiment", "micro", "--rounds", "6", "--baseline", before, "--threshold", "10"); code != 0 {
		t.Errorf("the same once more: exit code %d\n%s", code, out)
	}
	dear := experiment.Sample{Name: "usdt", Unit: "ns"}
	for range 6 {
		dear.Values, dear.Steps = append(dear.Values, 1e6), append(dear.Steps, 1)
	}
	if err := experiment.OfSamples(was.Environment, []experiment.Sample{dear}).Save(after); err != nil {
		t.Fatal(err)
	}
	out, code := spanbridge(t, "experiment", "judge", "--json", before, after)
	var judged struct{ Judgement *experiment.Judgement }
	if err := json.Unmarshal(out, &judged); err != nil {
		t.Fatal(err)
	}
	if code != 4 || len(judged.Judgement.Decisions) != 1 || judged.Judgement.Decisions[0].Verdict != experiment.Worse {
		t.Errorf("a probe of a millisecond: exit code %d, %+v", code, judged.Judgement)
	}
}

// turns are slices of experiments that take turns: whatever else the machine does meets all: twice
// the same, and one with a dearer program.
type turns struct{ first, second, dear []experiment.Sample }

const (
	roundsAtOnce = 6
	mostRounds   = 36
)

func add(t *testing.T, to *[]experiment.Sample, program asm.Instructions) {
	t.Helper()
	taken, err := hits.Measure(t.Context(), 1, program)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range taken.Kinds {
		if i == len(*to) {
			*to = append(*to, experiment.Sample{Name: k.Name, Unit: "ns", Missing: k.Missing})
		}
		one := &(*to)[i]
		one.Values, one.Steps = append(one.Values, k.Ns...), append(one.Steps, k.Steps...)
	}
}

// decisions are those about what could be measured.
func decisions(was, is []experiment.Sample, threshold float64) []experiment.Decision {
	j, err := experiment.Judge(experiment.OfSamples(experiment.Environment{}, was), experiment.OfSamples(experiment.Environment{}, is), threshold, false)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(j.Decisions, func(d experiment.Decision) bool { return d.Verdict == experiment.Missing })
}

// A probe at an emulated instruction costs less than at one that is single-stepped; the same measured
// twice shows no regression, and dearer programs at the probes do. What is not so after some rounds is
// given more of them: an interval of six slices is as wide as they scatter.
func TestMicroExperimentsFindWhatHasBecomeDearer(t *testing.T) {
	var s turns
	for rounds := roundsAtOnce; ; rounds += roundsAtOnce {
		for range roundsAtOnce {
			add(t, &s.first, hits.Empty())
			add(t, &s.dear, slow())
			add(t, &s.second, hits.Empty())
		}
		faults := slices.Concat(s.regressions(), s.overlooked(), s.disorder())
		if len(faults) == 0 {
			t.Logf("decided after %d rounds", rounds)
			return
		}
		if rounds >= mostRounds {
			t.Fatalf("after %d rounds:\n%s", rounds, strings.Join(faults, "\n"))
		}
	}
}

// regressions are found between the same and the same.
func (s *turns) regressions() (faults []string) {
	all := decisions(s.first, s.second, 0.25)
	if len(all) < 5 {
		return []string{fmt.Sprintf("%d figures only", len(all))}
	}
	for _, d := range all {
		if d.Verdict == experiment.Worse || d.Verdict == experiment.Better {
			faults = append(faults, fmt.Sprintf("the same once more: %+v", d))
		}
	}
	return faults
}

// overlooked are those of the dearer program that are not found, and what is found where it is not attached.
func (s *turns) overlooked() (faults []string) {
	for _, d := range decisions(s.first, s.dear, 0.1) {
		switch {
		case d.Figure == "syscall" && d.Verdict == experiment.Worse:
			faults = append(faults, fmt.Sprintf("nothing is attached to a system call, and it is told to be worse: %+v", d))
		case d.Figure != "syscall" && d.Verdict != experiment.Worse:
			faults = append(faults, fmt.Sprintf("%s with a program of some µs: %+v", d.Figure, d))
		}
	}
	return faults
}

// disorder is what is not as it must be on every machine, by the ratios of slices of one round.
func (s *turns) disorder() (faults []string) {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	values := func(name string) []float64 {
		at := slices.IndexFunc(s.first, func(x experiment.Sample) bool { return x.Name == name })
		return slices.Concat(s.first[at].Values, s.second[at].Values)
	}
	for _, c := range []struct{ lower, higher string }{
		{"usdt", "uprobe/endbr64"}, {"uprobe/push", "uprobe/mov"}, {"usdt", "uretprobe"}, {"raw_tracepoint", "usdt"},
	} {
		if r := interval.Ratios(values(c.lower), values(c.higher)); r.IsZero() || r.High >= 1 {
			faults = append(faults, fmt.Sprintf("%s does not cost less than %s: %+v times", c.lower, c.higher, r))
		}
	}
	return faults
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

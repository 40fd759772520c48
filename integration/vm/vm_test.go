// SPDX-License-Identifier: Apache-2.0

//go:build integration

package vm

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of docs/kernels.md")

// series are the kernels that are tried beside that of the host: see kernels.sh.
var series = []string{"6.1", "6.12", "7"}

// suites are what is tried on every kernel: that the programs load, every kind of
// probe, that starts and ends pair though threads share a CPU, how much room there is for
// texts, what is open at kprobes, and the statements of a MariaDB. "make test-vm" tries more.
var suites = []struct{ pkg, run string }{
	{"./integration/kernel", "^TestKernelLoadsThePrograms$/^with_the_longest_text$|^TestKinds|^TestKernelKeepsThreadsApart$|^TestKernelSaysHowMuchText|^TestKernelTellsWhatIsOpenAtItsOwnProbes$"},
	{"./integration", "^TestTiers$/^uprobe$/^(23_distinct|rows_sent)"},
}

const (
	root     = "../.."
	document = root + "/docs/kernels.md"
	begin    = "<!-- made of integration/vm -->\n"
	end      = "<!-- end -->\n"
)

func TestKernels(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	measured := make(map[string]Column)
	order := tryMachines(ctx, t, measured)
	host := tryHost(ctx, t, measured)
	if t.Failed() {
		return // what was measured is no table
	}
	if *update {
		writeTable(t, measured, order)
		return
	}
	_, table, _ := parts(t)
	told := Parse(table)
	for title, column := range measured {
		if told[title] == nil && title == host {
			t.Logf("%s does not tell of Linux %s, which runs here", document, host)
		} else if diff := cmp.Diff(told[title], column); diff != "" {
			t.Errorf("%s is not current, go test -tags integration ./integration/vm -update: Linux %s (-told +is):\n%s",
				document, title, diff)
		}
	}
}

// tryMachines runs the suites on all kernels of Debian. It returns the names of
// the table's rows.
func tryMachines(ctx context.Context, t *testing.T, measured map[string]Column) (order []string) {
	args := []string{strings.Join(series, ",")}
	for i, s := range suites {
		if i > 0 {
			args = append(args, "--")
		}
		args = append(args, s.pkg, "-test.short", "-test.timeout=10m", "-test.run="+s.run)
	}
	cmd := exec.CommandContext(ctx, "integration/vm/run.sh", args...)
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends the machines
	cmd.WaitDelay = 10 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	for _, title := range series {
		text, err := os.ReadFile(root + "/build/vm/" + title + ".log")
		if err != nil {
			t.Fatal(err)
		}
		measured[title], order = columnOf(t, text)
	}
	return order
}

// tryHost runs the suites here, and returns the series of the host's kernel.
func tryHost(ctx context.Context, t *testing.T, measured map[string]Column) string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, s := range suites {
		cmd := exec.CommandContext(ctx, "go", "test", "-tags", "integration", "-count=1", "-v", "-short", "-run", s.run, s.pkg)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		all = append(all, out...)
	}
	numbers := strings.SplitN(string(release), ".", 3)
	title := strings.Join(numbers[:min(2, len(numbers))], ".")
	measured[title], _ = columnOf(t, all)
	return title
}

func columnOf(t *testing.T, text []byte) (Column, []string) {
	t.Helper()
	log, err := ReadLog(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return log.Column()
}

// parts returns the document before, in and after its table.
func parts(t *testing.T) (before, table, after string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has not the lines %q and %q", document, begin, end)
	}
	return before, table, after
}

func writeTable(t *testing.T, measured map[string]Column, order []string) {
	t.Helper()
	var titles []string
	for title := range measured {
		titles = append(titles, title)
	}
	slices.SortFunc(titles, byVersion)
	before, _, after := parts(t)
	text := before + begin + "\n" + Render(measured, titles, order) + "\n" + end + after
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// byVersion compares versions such as 6.1 and 6.12.
func byVersion(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(a, b string) int {
		return stdcmp.Or(stdcmp.Compare(len(a), len(b)), stdcmp.Compare(a, b))
	})
}

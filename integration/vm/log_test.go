// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `SeaBIOS
guest: Linux 6.1.0-1-cloud-amd64
=== RUN   TestKernelLoadsThePrograms
--- PASS: TestKernelLoadsThePrograms (1.00s)
=== RUN   TestKinds
=== RUN   TestKinds/uprobe
=== RUN   TestKinds/uprobe.multi
=== ATTR  TestKinds/uprobe.multi refused single ones | are used
=== RUN   TestKinds/iter/task
--- PASS: TestKinds (1.00s)
    --- PASS: TestKinds/uprobe (0.10s)
    --- PASS: TestKinds/uprobe.multi (0.10s)
    --- PASS: TestKinds/iter/task (0.10s)
PASS
guest: status 0
`

func readLog(t *testing.T, text string) *Log {
	t.Helper()
	l, err := ReadLog(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFaultsSayWhatIsNotAsItShouldBe(t *testing.T) {
	const release = "6.1.0-1-cloud-amd64"
	for _, test := range []struct {
		name, text, release string
		want                []string // parts of each fault
	}{
		{"all is well", good, release, nil},
		{"another kernel", good, "6.12.1-cloud-amd64", []string{`is "6.1.0-1-cloud-amd64", not "6.12.1`}},
		{"no kernel", "SeaBIOS\n", release, []string{"SeaBIOS"}},
		{"a test that is skipped", "=== RUN   TestA\n    why\n--- SKIP: TestA (0.00s)\n" + good, release,
			[]string{"TestA was skipped:\n    " + "    why"}},
		{"a crash", strings.Replace(strings.TrimSuffix(good, "guest: status 0\n"), "PASS\n",
			"=== RUN   TestB\n[  9.1] BUG: unable to handle page fault\n[  9.2] RIP: bpf_task_storage_get\n", 1),
			release, []string{"the kernel complained:\n    [  9.1] BUG: unable to handle page fault\n    [  9.2] RIP", "TestB has not ended:\n    [  9.1] BUG"}},
		{"no end", strings.TrimSuffix(good, "guest: status 0\n"), release, []string{"not been run to their end"}},
		{"no tests", "guest: Linux " + release + "\nguest: status 0\n", release, []string{"not been run to their end"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := readLog(t, test.text).Faults(test.release)
			for i, want := range test.want {
				if i >= len(got) || !strings.Contains(got[i], want) {
					t.Fatalf("faults %q, want %q", got, test.want)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("faults %q, want %q", got, test.want)
			}
		})
	}
}

func TestAFailureComesWithWhatItSaid(t *testing.T) {
	l := readLog(t, "guest: Linux 6\n=== RUN   TestA\n    a_test.go:1: the verifier refuses\n    R1 invalid\n--- FAIL: TestA (0.00s)\n")
	want := []string{"TestA failed:\n        a_test.go:1: the verifier refuses\n        R1 invalid"}
	if diff := cmp.Diff(want, l.Faults("6")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestTheTableIsReadAsItWasMade(t *testing.T) {
	column, order := readLog(t, good).Column()
	want := Column{"all programs load": "yes", "`uprobe`": "yes", "`uprobe.multi`": `no: single ones \| are used`, "`iter/task`": "yes"}
	if diff := cmp.Diff(want, column); diff != "" {
		t.Errorf("column (-want +got):\n%s", diff)
	}
	columns := map[string]Column{"6.1": column, "7": {"all programs load": "fails"}}
	text := Render(columns, []string{"6.1", "7"}, order)
	for _, row := range order[1:] {
		columns["7"][row] = ""
	}
	if diff := cmp.Diff(columns, Parse("words\n\n"+text)); diff != "" {
		t.Errorf("of %s(-want +got):\n%s", text, diff)
	}
}

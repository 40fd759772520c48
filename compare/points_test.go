// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatLiesBetweenTwoStopwatchesIsNamed(t *testing.T) {
	of := func(account, tier string) Stopwatch {
		w, ok := StopwatchOf(account, tier)
		if !ok {
			t.Fatal(account, tier)
		}
		return w
	}
	for _, c := range []struct {
		a, b       Stopwatch
		more, less []Step
	}{
		{of("perfschema", ""), of("probes", "psi"), nil, nil},
		{of("probes", "uprobe"), of("perfschema", ""), nil, []Step{"reading the rest of the packet", "writing logs and cleaning up"}},
		{of("probes", "uprobe"), of("slowlog", ""), []Step{"setting up the command", "sending the end of the answer", "telling audit plugins"}, nil},
		{
			of("journal", ""), of("probes", "uprobe"),
			[]Step{"the client's driver and kernel", "the network and waking the server's thread", "reading the rest of the packet", "the network, waking the client, its driver"},
			[]Step{"telling audit plugins"},
		},
		{of("probes", "usdt"), of("probes", "uprobe"), []Step{"writing logs and cleaning up"}, []Step{"setting up the command"}},
	} {
		more, less := Between(c.a, c.b)
		if diff := cmp.Diff([][]Step{c.more, c.less}, [][]Step{more, less}); diff != "" {
			t.Errorf("%v and %v:\n%s", c.a, c.b, diff)
		}
		less, more = Between(c.b, c.a)
		if diff := cmp.Diff([][]Step{c.more, c.less}, [][]Step{more, less}); diff != "" {
			t.Errorf("%v and %v:\n%s", c.b, c.a, diff)
		}
	}
	executions, _ := ExecutionStopwatchOf("probes", "uprobe", "MariaDB")
	if more, less := Between(executions, of("perfschema", "")); more != nil || len(less) != 4 || less[1] != "sending the end of the answer" {
		t.Errorf("executions of MariaDB: %q and %q", more, less)
	}
	if w, _ := ExecutionStopwatchOf("probes", "uprobe", "MySQL"); w != of("probes", "uprobe") {
		t.Errorf("executions of MySQL: %v", w)
	}
	if _, ok := StopwatchOf("generallog", ""); ok {
		t.Error("a general log tells no durations")
	}
}

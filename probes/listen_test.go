// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"net"
	"os"
	"slices"
	"testing"
)

func TestListenersAreTheSameByEitherWay(t *testing.T) {
	var want []int
	for _, network := range []string{"tcp4", "tcp6", "tcp4"} {
		l, err := net.Listen(network, "localhost:0")
		if err != nil {
			if network == "tcp6" {
				continue // a host without IPv6
			}
			t.Fatal(err)
		}
		defer l.Close()
		want = append(want, l.Addr().(*net.TCPAddr).Port)
	}
	slices.Sort(want)
	pid := os.Getpid()
	sockets := socketInodes(pid)
	got, err := askListeners(pid, sockets)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the kernel's answer has the ports %v, want %v", got, want)
	}
	got = append(listeners(procPath(pid, "net", "tcp"), sockets), listeners(procPath(pid, "net", "tcp6"), sockets)...)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the tables have the ports %v, want %v", got, want)
	}
	if got := listeningPort(pid); got != want[0] {
		t.Errorf("the lowest port is %d, want %d", got, want[0])
	}
}

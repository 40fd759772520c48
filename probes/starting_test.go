// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

func TestProcessListensOnceItHasAListeningSocket(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			pid := os.Getpid()
			if listens(pid) {
				t.Skip("this process listens already")
			}
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			if !listens(pid) {
				t.Error("a listening socket is not seen")
			}
			l.Close()
			if listens(pid) {
				t.Error("a closed socket is said to listen")
			}
		})
	}
}

func TestAgeOfAProcessIsCountedFromItsStart(t *testing.T) {
	p := readProcess(os.Getpid())
	if p == nil {
		t.Fatal("no process of our own")
	}
	first := age(p)
	if first < 0 || first > time.Hour {
		t.Errorf("age is %v", first)
	}
	time.Sleep(20 * time.Millisecond)
	if second := age(p); second-first < 20*time.Millisecond {
		t.Errorf("age went from %v to %v in 20 ms", first, second)
	}
}

func TestOnlyProfilesWithLibrariesWaitForAStart(t *testing.T) {
	mariadb, err := catalog.Load("mariadb")
	if err != nil {
		t.Fatal(err)
	}
	young := readProcess(os.Getpid())
	young.startTick = 1 << 39
	for _, c := range []struct {
		name    string
		profile *catalog.Profile
		targets []Target
		want    bool
	}{
		{"a profile with a tier in a library", mariadb, nil, true},
		{"a target by pid", mariadb, []Target{{PID: young.pid}}, false},
		{"a profile without", &catalog.Profile{}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scout{cfg: Config{Targets: c.targets}}
			if got := s.isStarting(young, c.profile); got != c.want {
				t.Errorf("isStarting = %v, want %v", got, c.want)
			}
		})
	}
}

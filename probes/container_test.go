// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
)

func TestNamespacePIDIsTheInnermost(t *testing.T) {
	const head = "Name:\tmariadbd\nUmask:\t0022\nTgid:\t4711\nNStgid:\t4711\t9\n"
	for _, test := range []struct {
		name, status string
		want         int
	}{
		{"host", head + "NSpid:\t4711\nNSpgid:\t4711\n", 0},
		{"container", head + "NSpid:\t4711\t1\nNSpgid:\t4711\t1\n", 1},
		{"container in a container", head + "NSpid:\t4711\t230\t17\n", 17},
		{"end of what was read", head + "NSpid:\t4711\t12", 12},
		{"no number", head + "NSpid:\t4711\t-1\n", 0},
		{"too large", head + "NSpid:\t4711\t99999999999999999999\n", 0},
		{"name that looks like it", "Name:\tNSpid: 1 2\n", 0},
		{"before Linux 4.1", head, 0},
		{"nothing", "", 0},
	} {
		if got := parseNamespacePID([]byte(test.status)); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func FuzzParseNamespacePID(f *testing.F) {
	f.Add([]byte("Name:\tx\nNSpid:\t4711\t1\n"))
	f.Fuzz(func(t *testing.T, status []byte) {
		if pid := parseNamespacePID(status); pid < 0 {
			t.Errorf("%q gave %d", status, pid)
		}
	})
}

func TestContainerAttributesAreThoseThatAreKnown(t *testing.T) {
	got := container{id: testID, podUID: testPod}.attrs()
	want := []bridge.Attr{bridge.String("container.id", testID), bridge.String("k8s.pod.uid", testPod)}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b bridge.Attr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if none := (container{}).attrs(); none != nil {
		t.Errorf("no container gave %v", none)
	}
}

func TestThisProcessIsInTheNamespacesOfItsParent(t *testing.T) {
	if ownNetwork(os.Getpid()) != ownNetwork(os.Getppid()) {
		t.Error("a child without a network namespace of its own has one")
	}
	if got := ownNetwork(4194305); got {
		t.Error("no process has a network of its own")
	}
}

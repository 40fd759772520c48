// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"io"
	"os"
	"testing"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// fakeServed is what serves an operation in a file of that inode.
func fakeServed(op *catalog.Operation, ino uint64, overlay bool) *served {
	return &served{
		operation: op, pids: make(map[int]bool),
		sites: []site{{file: &binary{key: fileKey{1, ino}, overlay: overlay}}},
	}
}

func TestOperationsOfContainersThatAreGoneServeNewOnes(t *testing.T) {
	op, other := &catalog.Operation{Name: "query"}, &catalog.Operation{Name: "other"}
	fresh := func() *plan {
		return &plan{operation: op, sites: []site{{file: &binary{key: fileKey{1, 9}, overlay: true}}}}
	}
	gone := fakeServed(op, 7, true)
	gone.op = 5
	running := fakeServed(op, 8, true)
	running.pids[1] = true
	for _, test := range []struct {
		name   string
		served map[string]*served
		want   *served
	}{
		{"none", map[string]*served{}, nil},
		{"one that is gone", map[string]*served{"old": gone}, gone},
		{"one that is gone and had the same device number", map[string]*served{"new": gone}, gone},
		{"one that runs", map[string]*served{"old": running}, nil},
		{"another operation", map[string]*served{"old": fakeServed(other, 7, true)}, nil},
		{"one outside of containers", map[string]*served{"old": fakeServed(op, 7, false)}, nil},
		{"one that is attached", map[string]*served{"old": {operation: op, links: make([]io.Closer, 1), sites: gone.sites}}, nil},
	} {
		s := &Session{served: test.served}
		p := fresh()
		if got := s.find("new", nil, p); got != test.want {
			t.Errorf("%s: got %+v", test.name, got)
			continue
		}
		if test.want != nil && (s.served["new"] != gone || len(s.served) != 1 || gone.sites[0].file != p.sites[0].file || gone.sites[0].spec.Op != 5) {
			t.Errorf("%s: it does not serve the new file: %v", test.name, s.served)
		}
	}
}

func TestOperationsBelowOverlaysAreLimitedToTheirProcesses(t *testing.T) {
	op, other := &catalog.Operation{Name: "query"}, &catalog.Operation{Name: "other"}
	host, boxed, elsewhere := fakeServed(op, 7, false), fakeServed(op, 8, true), fakeServed(other, 9, false)
	s := &Session{served: map[string]*served{"host": host, "boxed": boxed, "elsewhere": elsewhere}}
	for _, running := range []bool{false, true} {
		if running {
			boxed.pids[1] = true
		}
		if !s.mustLimit(boxed) {
			t.Error("an operation in a container is not limited")
		}
		if s.mustLimit(host) != running {
			t.Errorf("the same operation on the host is limited: %v, while a container runs: %v", !running, running)
		}
		if s.mustLimit(elsewhere) {
			t.Error("an operation that no container has is limited")
		}
	}
}

func TestFilesOfContainersThatAreGoneAreClosed(t *testing.T) {
	open := func() *os.File {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	gone, host := &binary{key: fileKey{1, 1}, overlay: true, file: open()}, &binary{key: fileKey{1, 2}, file: open()}
	watched := &binary{key: fileKey{1, 3}, overlay: true, file: open()}
	attached := &binary{key: fileKey{1, 4}, overlay: true, file: open()}
	s := &Session{
		scout:  scout{seen: map[int]*observed{1: {files: map[fileKey]bool{watched.key: true}}}},
		served: map[string]*served{"x": {links: make([]io.Closer, 1), sites: []site{{file: attached}}}},
	}
	s.files.byKey = map[fileKey]*binary{gone.key: gone, host.key: host, watched.key: watched, attached.key: attached}
	s.dropOverlays()
	for _, kept := range []*binary{host, watched, attached} {
		if s.files.byKey[kept.key] != kept {
			t.Errorf("file %d was dropped", kept.key.ino)
		}
	}
	if s.files.byKey[gone.key] != nil || gone.file.Close() == nil {
		t.Error("the file of a container that is gone is still open")
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"maps"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// A file on overlayfs, as in most containers, has an inode of the overlay, while
// the kernel hangs uprobes on the inode of the layer below: inode_operations are
// followed to d_real_inode (fs/overlayfs, kernel/trace/bpf_trace.c). Containers
// of one image share that one, so that each hit runs the probes of all of them.
// Nothing tells from outside whether two such files are one below: a file that
// was changed in its container keeps the inode number of the original. So
// operations seen in them count the hits of their own processes only.

// onOverlay reports whether a file is on overlayfs.
func onOverlay(f *os.File) bool {
	var st unix.Statfs_t
	err := unix.Fstatfs(int(f.Fd()), &st)
	return err == nil && uint32(st.Type) == unix.OVERLAYFS_SUPER_MAGIC
}

// layered reports whether some of the operation's probes are in a file on
// overlayfs.
func (sv *served) layered() bool {
	for i := range sv.sites {
		if f := sv.sites[i].file; f != nil && f.overlay {
			return true
		}
	}
	return false
}

// mayShareLayer reports whether a probe of the operation may also be one of a
// process in a container, which is counted by itself.
func (s *Session) mayShareLayer(sv *served) bool {
	if sv.layered() {
		return true
	}
	for _, other := range s.served {
		if other.operation == sv.operation && len(other.pids) > 0 && other.layered() {
			return true
		}
	}
	return false
}

// idle reports whether the operation was seen in a container that is gone. Its
// files may be closed, and the kernel may give their device number to others.
func (sv *served) idle() bool { return len(sv.links) == 0 && len(sv.pids) == 0 && sv.layered() }

// find returns what serves an operation in those files, or nil. An operation of
// a container that is gone is given to the files of a new one: every start of a
// container makes new files, and numbers of operations are few.
func (s *Session) find(key string, profile *catalog.Profile, p *plan) *served {
	if sv := s.served[key]; sv != nil && !sv.idle() {
		return sv
	}
	if sv := s.served[key]; sv != nil && sv.fits(profile, p) {
		sv.moveTo(p)
		return sv
	}
	for old, sv := range s.served {
		if sv.idle() && sv.fits(profile, p) {
			delete(s.served, old)
			s.served[key] = sv
			sv.moveTo(p)
			return sv
		}
	}
	return nil
}

// fits reports whether the entry in the operation table and those of the sites
// can serve another plan.
func (sv *served) fits(profile *catalog.Profile, p *plan) bool {
	return sv.profile == profile && sv.operation == p.operation && sv.tier == p.tier &&
		len(sv.sites) == len(p.sites) && maps.Equal(sv.missing, p.missing)
}

func (sv *served) moveTo(p *plan) {
	sv.sites = p.sites
	for i := range sv.sites {
		sv.sites[i].spec.Op = sv.op
	}
}

// dropOverlays closes the files of containers that are gone, which would keep
// their file systems from being freed.
func (s *Session) dropOverlays() {
	used := make(map[*binary]bool)
	for _, sv := range s.served {
		for i := range sv.sites {
			if len(sv.links) > 0 {
				used[sv.sites[i].file] = true
			}
		}
	}
	for _, o := range s.seen {
		for key := range o.files {
			used[s.files.byKey[key]] = true
		}
	}
	for key, b := range s.files.byKey {
		if b.overlay && !used[b] {
			b.file.Close()
			delete(s.files.byKey, key)
		}
	}
}

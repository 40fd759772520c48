// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// keepEnded is how long an ended process is remembered: its last records may
// still be under way.
const keepEnded = time.Minute

// instance is what the directory knows of a process.
type instance struct {
	*bridge.Instance
	port    int
	endedAt time.Time
}

// learn enters a target into the directory, and again once it listens.
func (s *Session) learn(o *observed) {
	s.mu.RLock()
	known := s.instances[uint32(o.pid)]
	s.mu.RUnlock()
	if known != nil && known.port != 0 {
		return
	}
	port := listeningPort(o.pid)
	if known != nil && port == 0 {
		return
	}
	in := &instance{port: port, Instance: describe(o.process, o.profile.Service, port)}
	if exe, err := s.files.executable(o.process); err == nil {
		describeExecutable(in.Resource, o.process, exe, o.profile)
	}
	in.Names = s.namesOf(o)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[uint32(o.pid)] = in
	s.evict()
}

// namesOf reads the tables of names of the operations that are seen.
func (s *Session) namesOf(o *observed) map[string]map[uint64]string {
	var all map[string]map[uint64]string
	for _, p := range o.plans {
		op := p.operation
		if op.NamesFrom == nil || p.tier == nil {
			continue
		}
		exe, err := s.files.executable(o.process)
		if err != nil {
			return all
		}
		names, err := readNames(o.process, exe, op.NamesFrom)
		if err != nil {
			s.cfg.Logf("process %d (%s): names of %s: %v", o.pid, filepath.Base(o.exePath), op.Name, err)
		}
		if all == nil {
			all = make(map[string]map[uint64]string)
		}
		all[op.Name] = names
	}
	return all
}

// evict forgets processes that ended a while ago. The caller holds the lock.
func (s *Session) evict() {
	now := time.Now()
	for tgid, in := range s.instances {
		switch _, alive := s.seen[int(tgid)]; {
		case alive:
			in.endedAt = time.Time{}
		case in.endedAt.IsZero():
			in.endedAt = now
		case now.Sub(in.endedAt) > keepEnded:
			delete(s.instances, tgid)
		}
	}
}

// Instance implements [bridge.Directory]. A process that no scan has met yet
// is looked at now.
func (s *Session) Instance(tgid uint32) *bridge.Instance {
	s.mu.RLock()
	in := s.instances[tgid]
	s.mu.RUnlock()
	if in != nil {
		return in.Instance
	}
	service := ""
	p := readProcess(int(tgid))
	if p == nil {
		p = &process{pid: int(tgid)}
	} else if profile := s.profileOf(p, byName); profile != nil {
		service = profile.Service
	}
	in = &instance{Instance: describe(p, service, listeningPort(p.pid)), endedAt: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instances[tgid] = in
	return in.Instance
}

// byName takes a profile by the executable's name alone: only the goroutine that
// scans may look into files.
func byName(*process, *catalog.Match) string { return "" }

// describe makes the resource of a process, by OpenTelemetry's conventions for
// service, process, host, container and Kubernetes.
func describe(p *process, service string, port int) *bridge.Instance {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if service == "" {
		service = "unknown_service:" + filepath.Base(p.exePath)
	}
	box := containerOfProcess(p.pid)
	resource := &bridge.Resource{Attrs: []bridge.Attr{
		bridge.String("service.name", service),
		bridge.String("service.instance.id", instanceID(host, p.pid, port, box)),
		bridge.String("host.name", host),
		bridge.String("os.type", "linux"),
		bridge.Int("process.pid", int64(p.pid)),
	}}
	if p.exePath != "" {
		resource.Attrs = append(resource.Attrs,
			bridge.String("process.executable.name", strings.ToValidUTF8(filepath.Base(p.exePath), "\uFFFD")),
			bridge.String("process.executable.path", strings.ToValidUTF8(p.exePath, "\uFFFD")))
	}
	if vpid := namespacePID(p.pid); vpid != 0 {
		resource.Attrs = append(resource.Attrs, bridge.Int("process.vpid", int64(vpid)))
	}
	resource.Attrs = append(resource.Attrs, box.attrs()...)
	in := &bridge.Instance{Resource: resource, MetricAttrs: []bridge.Attr{bridge.String("server.address", host)}}
	if port != 0 {
		in.MetricAttrs = append(in.MetricAttrs, bridge.Int("server.port", int64(port)))
	}
	return in
}

// instanceID tells a process from all others of its service: by its port on the
// host, and without one by its pid. Where ports are not the host's, two servers
// can have the same: there the container's id, shortened as docker shortens it,
// tells them apart.
func instanceID(host string, pid, port int, box container) string {
	switch {
	case port == 0 || ownNetwork(pid) && box.id == "":
		return host + ":pid:" + strconv.Itoa(pid)
	case ownNetwork(pid):
		return host + ":" + box.id[:12] + ":" + strconv.Itoa(port)
	}
	return host + ":" + strconv.Itoa(port)
}

// describeExecutable adds what the executable tells, and its version. The resource
// must not be in use yet.
func describeExecutable(resource *bridge.Resource, p *process, exe *binary, profile *catalog.Profile) {
	if id := exe.symbols.BuildID(); id != "" {
		resource.Attrs = append(resource.Attrs, bridge.String("process.executable.build_id.gnu", id))
	}
	if version, err := readVersion(p, exe, profile); err == nil && version != "" {
		resource.Attrs = append(resource.Attrs, bridge.String("service.version", version))
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"strings"
)

// Limits on what /proc/PID/cgroup may hold: v1 has at most 16 hierarchies, and
// a path at most PATH_MAX bytes.
const (
	maxCgroupLines = 64
	maxCgroupLine  = 4096 + 256
)

// container is what the names of a process's control groups tell of the
// container that it runs in. A field is empty when they do not tell it. All of
// them are ASCII: ids consist of lower-case hexadecimal digits (and, of pods,
// hyphens), runtimes are known names.
type container struct {
	id      string // 64 hexadecimal digits
	runtime string // docker, containerd, cri-o or podman
	podUID  string // of the Kubernetes pod; of a static pod the hash of its manifest
}

// parseCgroup reads /proc/PID/cgroup (cgroups(7)): one line for each hierarchy,
// of version 1 or 2, with a path that runtimes name after the container. Which
// hierarchies they use differs, so the first line that names a container counts.
func parseCgroup(data []byte) container {
	var found container
	for range maxCgroupLines {
		line, rest, more := bytes.Cut(data, []byte("\n"))
		data = rest
		if len(line) <= maxCgroupLine {
			c := parseCgroupLine(string(line))
			if c.id != "" {
				return c
			}
			if found.podUID == "" {
				found = c
			}
		}
		if !more {
			break
		}
	}
	return found
}

// parseCgroupLine reads HIERARCHY:CONTROLLERS:PATH. The innermost group that
// names a container counts: containers nest, and what runs inside one, such as
// systemd, makes groups below it.
func parseCgroupLine(line string) (c container) {
	_, line, _ = strings.Cut(line, ":")
	_, path, ok := strings.Cut(line, ":")
	if !ok {
		return container{}
	}
	groups := strings.Split(path, "/")
	for i := len(groups) - 1; i >= 0; i-- {
		// Runtimes hand SLICE:PREFIX:ID to systemd. One that was not told to use
		// systemd makes a group of that name: containerd with the kubelet's
		// systemd driver and without SystemdCgroup = true.
		slice, unit, joined := strings.Cut(groups[i], ":")
		if joined {
			prefix, id, _ := strings.Cut(unit, ":")
			unit = prefix + "-" + id
		} else {
			slice, unit = groups[i], groups[i]
		}
		if c.id == "" {
			parent := ""
			if i > 0 {
				parent = groups[i-1]
			}
			c.id, c.runtime = containerOf(unit, parent)
		}
		if c.podUID = podOf(slice); c.podUID != "" {
			return c
		}
	}
	return c
}

// runtimes are the prefixes of the groups that runtimes make. Monitors such as
// conmon, which run beside a container, have others: libpod-conmon, crio-conmon.
var runtimes = map[string]string{
	"docker":         "docker",
	"cri-containerd": "containerd", // Kubernetes
	"nerdctl":        "containerd",
	"crio":           "cri-o",
	"libpod":         "podman",
	"libpod-payload": "podman", // below the service of a Quadlet
}

// containerOf reads the name of a group: [PREFIX-]ID[.scope]. The parent tells
// the runtime of what has no prefix.
func containerOf(unit, parent string) (id, runtime string) {
	name := strings.TrimSuffix(unit, ".scope")
	if isHex(name, 64) {
		return name, runtimes[parent]
	}
	if len(name) < 66 {
		return "", ""
	}
	prefix, id := name[:len(name)-65], name[len(name)-64:]
	runtime, known := runtimes[prefix]
	if !known || name[len(prefix)] != '-' || !isHex(id, 64) {
		return "", ""
	}
	return id, runtime
}

// podOf reads the name of a pod's group, which the kubelet makes: pod<UID> with
// its driver cgroupfs, [PARENT-]kubepods[-QOS]-pod<UID>.slice with systemd, where
// underscores stand for the hyphens of the UID. (pkg/kubelet/cm of Kubernetes.)
func podOf(group string) string {
	uid, ok := strings.CutPrefix(group, "pod")
	if !ok {
		name, slice := strings.CutSuffix(group, ".slice")
		at := strings.LastIndex(name, "-pod")
		if !slice || at < 0 || !strings.Contains(name[:at], "kubepods") {
			return ""
		}
		uid = strings.ReplaceAll(name[at+len("-pod"):], "_", "-")
	}
	if isUUID(uid) || isHex(uid, 32) {
		return uid
	}
	return ""
}

func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

func isUUID(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 5 {
		return false
	}
	for i, length := range []int{8, 4, 4, 4, 12} {
		if !isHex(parts[i], length) {
			return false
		}
	}
	return true
}

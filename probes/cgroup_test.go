// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testID   = "0f6b3a5d1c2e49788d9fa0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f5"
	otherID  = "aa11bb22cc33dd44ee55ff66aa77bb88cc99dd00ee11ff22aa33bb44cc55dd66"
	testPod  = "5c2f1e9a-7d34-4b8e-9f01-23456789abcd"
	testPod_ = "5c2f1e9a_7d34_4b8e_9f01_23456789abcd"
)

func TestContainersAreReadFromTheNamesOfControlGroups(t *testing.T) {
	docker, containerd := container{id: testID, runtime: "docker"}, container{id: testID, runtime: "containerd"}
	inPod := func(runtime string) container { return container{id: testID, runtime: runtime, podUID: testPod} }
	for _, test := range []struct {
		name, in string
		want     container
	}{
		{"host, version 2", "0::/user.slice/user-1000.slice/session-3.scope", container{}},
		{"systemd service", "0::/system.slice/mariadb.service", container{}},
		{"root of a control group namespace", "0::/", container{}},
		{"docker, version 1", "12:pids:/docker/" + testID + "\n1:name=systemd:/docker/" + testID + "\n0::/", docker},
		{"docker, version 1, memory only", "9:name=systemd:/\n4:memory:/docker/" + testID + "\n0::/", docker},
		{"docker, version 2, cgroupfs", "0::/docker/" + testID, docker},
		{"docker, version 2, systemd", "0::/system.slice/docker-" + testID + ".scope", docker},
		{"docker, rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + testID + ".scope", docker},
		{"docker with systemd inside", "0::/system.slice/docker-" + testID + ".scope/system.slice/mysql.service", docker},
		{"docker in docker", "1:cpu,cpuacct:/docker/" + otherID + "/docker/" + testID, docker},
		{"docker below a group of one's own", "0::/build/" + testID, container{id: testID}},
		{"nerdctl", "0::/system.slice/nerdctl-" + testID + ".scope", containerd},
		{"containerd, cgroupfs", "0::/default/" + testID, container{id: testID}},
		{"podman", "0::/machine.slice/libpod-" + testID + ".scope", container{id: testID, runtime: "podman"}},
		{"podman, payload below the scope", "0::/machine.slice/libpod-" + testID + ".scope/container", container{id: testID, runtime: "podman"}},
		{"podman, version 1, cgroupfs", "3:cpu:/libpod_parent/libpod-" + testID, container{id: testID, runtime: "podman"}},
		{"podman, in a pod of its own", "0::/machine.slice/machine-libpod_pod_" + otherID + ".slice/libpod-" + testID + ".scope", container{id: testID, runtime: "podman"}},
		{"podman, Quadlet", "0::/system.slice/db.service/libpod-payload-" + testID, container{id: testID, runtime: "podman"}},
		{"podman's monitor", "0::/machine.slice/libpod-conmon-" + testID + ".scope", container{}},
		{"Kubernetes, containerd, systemd", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + testPod_ + ".slice/cri-containerd-" + testID + ".scope", inPod("containerd")},
		{"Kubernetes, guaranteed pod", "0::/kubepods.slice/kubepods-pod" + testPod_ + ".slice/cri-containerd-" + testID + ".scope", inPod("containerd")},
		{"Kubernetes, version 1", "11:memory:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + testPod_ + ".slice/docker-" + testID + ".scope", inPod("docker")},
		{"Kubernetes, CRI-O", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + testPod_ + ".slice/crio-" + testID + ".scope", inPod("cri-o")},
		{"Kubernetes, CRI-O's monitor", "0::/kubepods.slice/kubepods-pod" + testPod_ + ".slice/crio-conmon-" + testID + ".scope", container{podUID: testPod}},
		{"Kubernetes, cgroupfs", "0::/kubepods/burstable/pod" + testPod + "/" + testID, inPod("")},
		{"Kubernetes, cgroupfs, CRI-O", "5:cpuset:/kubepods/besteffort/pod" + testPod + "/crio-" + testID, inPod("cri-o")},
		{"Kubernetes, two drivers", "0::/system.slice/containerd.service/kubepods-burstable-pod" + testPod_ + ".slice:cri-containerd:" + testID, inPod("containerd")},
		{"Kubernetes in docker", "0::/docker/" + otherID + "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + testPod_ + ".slice/cri-containerd-" + testID + ".scope", inPod("containerd")},
		{"seen from another pod's namespace", "0::/../../kubepods-burstable-pod" + testPod_ + ".slice/cri-containerd-" + testID + ".scope", inPod("containerd")},
		{"static pod", "0::/kubepods/pod00112233445566778899aabbccddeeff/" + testID, container{id: testID, podUID: "00112233445566778899aabbccddeeff"}},
		{"Amazon ECS", "9:memory:/ecs/00112233445566778899aabbccddeeff/" + testID, container{id: testID}},
		{"a container named before a pod", "4:memory:/kubepods/pod" + testPod + "\n0::/kubepods/pod" + testPod + "/" + testID, inPod("")},
		{"no container's hash", "4:memory:/agents/00112233445566778899aabbccddeeff", container{}},
		{"lxc", "0::/lxc.payload.web/init.scope", container{}},
		{"systemd-nspawn", `0::/machine.slice/systemd-nspawn@sid.service/payload`, container{}},
		{"upper case", "0::/docker/" + strings.ToUpper(testID), container{}},
		{"one digit too many", "0::/docker/" + testID + "0", container{}},
		{"unknown prefix", "0::/x-" + testID + ".scope", container{}},
		{"wrong separator", "0::/docker_" + testID + ".scope", container{}},
		{"pod of another", "0::/user.slice/a-pod" + testPod_ + ".slice", container{}},
		{"line too long", "0::/" + strings.Repeat("x", maxCgroupLine) + "/docker/" + testID, container{}},
		{"too many lines", strings.Repeat("0::/\n", maxCgroupLines) + "0::/docker/" + testID, container{}},
		{"no path", "0:" + testID, container{}},
		{"nothing", "", container{}},
	} {
		got := parseCgroup([]byte(test.in))
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(container{})); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// A process inside a container may make and name groups below its own.
func FuzzParseCgroup(f *testing.F) {
	f.Add([]byte("0::/kubepods/burstable/pod" + testPod + "/" + testID + "\n"))
	f.Add([]byte("0::/a/kubepods-pod" + testPod_ + ".slice:cri-containerd:" + testID + "/container"))
	f.Add([]byte("12:pids:/docker/" + testID + "\n0::/system.slice/docker-" + otherID + ".scope"))
	id := regexp.MustCompile(`^([0-9a-f]{64})?$`)
	runtime := regexp.MustCompile(`^(docker|containerd|cri-o|podman)?$`)
	pod := regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$`)
	f.Fuzz(func(t *testing.T, data []byte) {
		c := parseCgroup(data)
		if !id.MatchString(c.id) || !runtime.MatchString(c.runtime) || !pod.MatchString(c.podUID) {
			t.Errorf("%q gave %+v", data, c)
		}
		if c.runtime != "" && c.id == "" {
			t.Errorf("%q gave a runtime without a container", data)
		}
	})
}

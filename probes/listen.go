// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listeningPort returns the lowest TCP port on which a process listens, 0 if
// there is none or it cannot be known.
func listeningPort(pid int) int {
	sockets := socketInodes(pid)
	if len(sockets) == 0 {
		return 0
	}
	ports, err := askListeners(pid, sockets)
	if err != nil {
		ports = nil
		for _, table := range []string{"tcp", "tcp6"} {
			ports = append(ports, listeners(procPath(pid, "net", table), sockets)...)
		}
	}
	if len(ports) == 0 {
		return 0
	}
	return slices.Min(ports)
}

func socketInodes(pid int) map[string]bool {
	dir := procPath(pid, "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	inodes := make(map[string]bool)
	for _, e := range entries {
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if inode, ok := strings.CutPrefix(to, "socket:["); err == nil && ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes
}

// askListeners asks the kernel for the listening sockets alone (sock_diag(7), with
// CONFIG_INET_DIAG): the tables of proc_net(5) have the others too, and take
// milliseconds on a machine with much memory, however few there are. It answers for
// the network namespace of this process.
func askListeners(pid int, inodes map[string]bool) (ports []int, err error) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	if of, err := os.Readlink(procPath(pid, "ns", "net")); err != nil || of != own {
		return nil, errors.New("the process is in another network namespace")
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, err
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if err := unix.Sendto(fd, listenersRequest(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return nil, err
		}
		of, err := readListeners(fd, inodes)
		if err != nil {
			return nil, err
		}
		ports = append(ports, of...)
	}
	return ports, nil
}

// diagRequest is struct inet_diag_req_v2 behind its header, and diagMessage struct
// inet_diag_msg (include/uapi/linux/inet_diag.h).
type diagRequest struct {
	header                     unix.NlMsghdr
	family, protocol, ext, pad uint8
	states                     uint32
	id                         [48]byte
}

type diagMessage struct {
	family, state, timer, retransmits      uint8
	sourcePort                             [2]byte // in the order of the network
	id                                     [46]byte
	expires, receiveQueue, sendQueue, user uint32
	inode                                  uint32
}

// listenersRequest asks for all sockets of a family in the state of listening.
func listenersRequest(family uint8) []byte {
	const listening = 10 // TCP_LISTEN, include/net/tcp_states.h
	r := &diagRequest{family: family, protocol: unix.IPPROTO_TCP, states: 1 << listening}
	r.header = unix.NlMsghdr{Len: uint32(unsafe.Sizeof(*r)), Type: unix.SOCK_DIAG_BY_FAMILY, Flags: unix.NLM_F_REQUEST | unix.NLM_F_DUMP}
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}

// readListeners reads the answer to a request.
func readListeners(fd int, inodes map[string]bool) (ports []int, err error) {
	for buffer := make([]byte, 32<<10); ; {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return ports, nil
			case m.Header.Type != unix.SOCK_DIAG_BY_FAMILY || len(m.Data) < int(unsafe.Sizeof(diagMessage{})):
				return nil, errors.New("the kernel does not tell of sockets")
			}
			d := (*diagMessage)(unsafe.Pointer(unsafe.SliceData(m.Data)))
			if inodes[strconv.FormatUint(uint64(d.inode), 10)] {
				ports = append(ports, int(d.sourcePort[0])<<8|int(d.sourcePort[1]))
			}
		}
	}
}

// listeners reads a table of proc_net(5): local address in field 1, state 0A
// for listening in field 3, inode in field 9.
func listeners(path string, inodes map[string]bool) (ports []int) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != "0A" || !inodes[fields[9]] {
			continue
		}
		_, hexPort, _ := strings.Cut(fields[1], ":")
		if port, err := strconv.ParseUint(hexPort, 16, 16); err == nil {
			ports = append(ports, int(port))
		}
	}
	return ports
}

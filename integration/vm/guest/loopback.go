// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall"
	"unsafe"
)

// startLoopback takes the network interface lo into service, on which servers are
// tried; the kernel gives it 127.0.0.1 then (net/ipv4/devinet.c, inetdev_event).
func startLoopback() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer syscall.Close(fd)
	// struct ifreq, netdevice(7)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP}
	copy(request.name[:], "lo")
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("start the loopback interface: %w", errno)
	}
	return nil
}

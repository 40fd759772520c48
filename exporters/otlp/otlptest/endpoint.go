// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"net"
	"sync"
)

// endpoint is a server that can go away and come back on the same port.
type endpoint struct {
	serve   func(net.Listener) (stop func())
	mu      sync.Mutex
	stop    func() // nil while down
	address string
}

func (e *endpoint) up() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		return nil
	}
	address := e.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	e.address = listener.Addr().String()
	e.stop = e.serve(listener)
	return nil
}

// down waits until the server's goroutines have ended.
func (e *endpoint) down() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
}

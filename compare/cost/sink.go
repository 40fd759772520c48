// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// sink is an OTLP/HTTP receiver that throws everything away: what is measured is the
// cost of sending.
type sink struct {
	server   *http.Server
	listener net.Listener
}

func listen(address string) (*sink, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &sink{listener: l, server: &http.Server{Handler: http.HandlerFunc(discard), ReadHeaderTimeout: 10 * time.Second}}
	go s.server.Serve(l)
	return s, nil
}

func discard(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty message has no bytes
}

// endpoint is where traces go.
func (s *sink) endpoint() string { return "http://" + s.listener.Addr().String() + "/v1/traces" }

func (s *sink) close() error { return s.server.Close() }

// receiveAt listens where the server sends to, if that is this host and nobody listens there
// yet. It says who receives.
func (h *host) receiveAt(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return endpoint
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return endpoint
	}
	s, err := listen(u.Host)
	if err != nil {
		return endpoint // somebody receives there
	}
	h.sinks = append(h.sinks, s)
	return "a receiver that throws them away"
}

// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"net"
	"strconv"
)

// The address that the OpenTelemetry specification gives Prometheus exporters.
const (
	defaultHost = "localhost"
	defaultPort = "9464"
)

// DefaultAddr returns the address that OTEL_EXPORTER_PROMETHEUS_HOST and
// OTEL_EXPORTER_PROMETHEUS_PORT name, else localhost:9464. The lookup is os.LookupEnv
// or alike.
func DefaultAddr(lookup func(string) (string, bool)) string {
	host, port := defaultHost, defaultPort
	if v, _ := lookup("OTEL_EXPORTER_PROMETHEUS_HOST"); v != "" {
		host = v
	}
	if v, _ := lookup("OTEL_EXPORTER_PROMETHEUS_PORT"); v != "" {
		port = v
	}
	return net.JoinHostPort(host, port)
}

// CheckAddr refuses what net.Listen would take for something else.
func CheckAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("read address %q: %w; want HOST:PORT, such as 127.0.0.1:9464, or :9464 for all addresses", addr, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || (port != "0" && n == 0) {
		return fmt.Errorf("read address %q: port %q is not a number up to 65535", addr, port)
	}
	return nil
}

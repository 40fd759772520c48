// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"context"
	"errors"
	"fmt"

	"github.com/spanbridge/spanbridge/compare/settings"
)

// host makes the methods for one server.
type host struct {
	*Options
	set   setter
	files []string // of our own, which the server has written
	sinks []*sink  // take what is exported
	own   *sink    // that of spanbridge's spans, or nil
}

// makers are all methods, in the order of the report.
var makers = []struct {
	name string
	make func(*host) method
}{
	{"usdt", (*host).usdt},
	{"uprobe", (*host).uprobe},
	{"generallog", (*host).generalLog},
	{"slowlog", (*host).slowLog},
	{"perfschema-default", (*host).perfschemaDefault},
	{"perfschema-history_long", (*host).perfschemaHistory},
	{"perfschema-waits", (*host).perfschemaWaits},
	{"telemetry", (*host).telemetry},
	{"bpftrace", (*host).bpftrace},
}

// Names are the methods there are, but for [Nothing] and [Control].
func Names() []string {
	names := make([]string, len(makers))
	for i, m := range makers {
		names[i] = m.name
	}
	return names
}

// methods makes all of them, and has the server watch itself in no way.
func (h *host) methods(ctx context.Context) ([]method, error) {
	var all []method
	for _, maker := range makers {
		m := maker.make(h)
		all = append(all, m)
	}
	for _, base := range h.quiet() {
		if err := h.set.Set(ctx, base.kind, base.name, base.off); err != nil {
			return nil, fmt.Errorf("switch off what watches the server: %w", err)
		}
	}
	return all, nil
}

// quiet is how the server is set while nothing watches it. Logs that a method switches on are
// files of our own.
func (h *host) quiet() []setting {
	all := []setting{
		{kind: settings.Variable, name: "general_log", off: "OFF"},
		{kind: settings.Variable, name: "slow_query_log", off: "OFF"},
		{kind: settings.Variable, name: "log_output", off: "FILE"},
		{kind: settings.Variable, name: "general_log_file", off: h.file("general")},
		{kind: settings.Variable, name: "slow_query_log_file", off: h.file("slow")},
	}
	if h.Server.Has(telemetrySwitch) {
		all = append(all, setting{kind: settings.Variable, name: telemetrySwitch, off: "OFF"})
	}
	if h.Server.On("performance_schema") {
		all = append(all, setting{kind: settings.Consumer, name: "%", off: "NO"})
		all = append(all, waits()...)
	}
	return all
}

// close ends what receives, and removes what the server has written, once it writes there no
// more.
func (h *host) close() error {
	errs := []error{h.removeFiles()}
	for _, s := range h.sinks {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// pairedQueries is in the ledger that spanbridge prints at its end, by PROFILE/OPERATION/TIER.
var pairedQueries = regexp.MustCompile(`ledger: \S+/query/\S+: starts=\d+ paired=(\d+)`)

// noProbes is what spanbridge says where a server has no probe of the tiers. What it says behind that, for each operation,
// is what "spanbridge doctor" says, too.
var noProbes = regexp.MustCompile(`(?m)^spanbridge: no probes to attach to`)

// usdt has spanbridge watch by probes that were compiled into the server or its plugin.
func (h *host) usdt() method {
	return h.spanbridge("usdt", "spanbridge by the server's USDT probes", errors.New("the server has no USDT probes"), "usdt", "plugin")
}

// uprobe has spanbridge watch by functions of the server.
func (h *host) uprobe() method {
	return h.spanbridge("uprobe", "spanbridge by functions of the server", errors.New("the server's functions are not to be found"), "uprobe")
}

// spanbridge is the program as a user runs it, with its spans exported to a receiver that throws
// them away.
func (h *host) spanbridge(name, detail string, none error, tiers ...string) method {
	w := &watcher{
		described: described{called: name, does: detail + ", its spans over OTLP"}, onFD3: true, ready: saysReady, counts: pairedQueries,
		unfit: noProbes, none: none,
	}
	w.lacks = h.elsewhere()
	args := []string{"run", "--target", strconv.Itoa(h.Server.PID), "--export", "otlp", "--ready-fd", "3"}
	for _, t := range tiers {
		args = append(args, "--tier", t)
	}
	w.command = func() (*exec.Cmd, error) {
		receiver, err := h.receiver()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(h.Program, args...)
		cmd.Env = append(os.Environ(),
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+receiver, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
			"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
		return cmd, nil
	}
	return w
}

// saysReady waits for a line that begins with "ready".
func saysReady(from *os.File) error {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready") {
			return nil
		}
	}
	return errors.Join(errors.New("it has ended"), lines.Err())
}

func (h *host) elsewhere() string {
	if h.Server.PID == 0 {
		return "the server is not on this host"
	}
	return ""
}

// histogram is a script as one writes it at a prompt: how long statements take. The first half second is
// for attaching.
const histogram = `
uprobe:%[1]s:%[2]s { @start[tid] = nsecs; }
uretprobe:%[1]s:%[2]s /@start[tid]/ { @us = hist((nsecs - @start[tid]) / 1000); delete(@start[tid]); }
interval:ms:500 { printf("ready\n"); }
`

// bpftrace has it count durations in the kernel: no text, no error, nothing for each statement.
func (h *host) bpftrace() method {
	w := &watcher{
		described: described{called: "bpftrace", does: "a histogram of dispatch_command by bpftrace, of its entry and return"}, ready: saysReady,
	}
	if w.lacks = h.elsewhere(); w.lacks != "" {
		return w
	}
	if _, err := exec.LookPath("bpftrace"); err != nil {
		w.lacks = "bpftrace is not installed"
		return w
	}
	path, symbol, err := h.dispatcher()
	if err != nil {
		w.lacks = err.Error()
		return w
	}
	w.command = func() (*exec.Cmd, error) {
		return exec.Command("bpftrace", "-B", "line", "-e", fmt.Sprintf(histogram, path, symbol)), nil
	}
	return w
}

// dispatcher finds the function that carries out commands of clients: dispatch_command, with whatever
// arguments the version has.
func (h *host) dispatcher() (path, symbol string, err error) {
	process := filepath.Join("/proc", strconv.Itoa(h.Server.PID))
	inside, err := os.Readlink(filepath.Join(process, "exe"))
	if err != nil {
		return "", "", err
	}
	file, err := elf.Open(filepath.Join(process, "exe"))
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	for _, table := range []func() ([]elf.Symbol, error){file.DynamicSymbols, file.Symbols} {
		symbols, err := table()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return "", "", err
		}
		for _, s := range symbols {
			if strings.HasPrefix(s.Name, "_Z16dispatch_command") && !strings.Contains(s.Name, ".") && s.Section != elf.SHN_UNDEF {
				return h.Server.Path(inside), s.Name, nil
			}
		}
	}
	return "", "", errors.New("the server's program names no function dispatch_command")
}

// receiver is where spanbridge sends its spans.
func (h *host) receiver() (string, error) {
	if h.own == nil {
		s, err := listen("127.0.0.1:0")
		if err != nil {
			return "", err
		}
		h.own = s
		h.sinks = append(h.sinks, s)
	}
	return h.own.endpoint(), nil
}

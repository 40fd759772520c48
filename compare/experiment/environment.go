// SPDX-License-Identifier: Apache-2.0

package experiment

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Environment is what figures depend on.
type Environment struct {
	Kernel       string `json:"kernel"`
	Architecture string `json:"architecture"`
	CPU          string `json:"cpu"`
	Cores        int    `json:"cores"`              // that this process may use
	Governor     string `json:"governor,omitempty"` // of the processor's clock, "" if it is not the kernel's
	// What is compared may differ: it is told, and the comparison goes on.
	Spanbridge string `json:"spanbridge"`
	Server     string `json:"server,omitempty"` // product and version
	Load       string `json:"load,omitempty"`
	Slice      string `json:"slice,omitempty"`
}

// Here is the environment of this process.
func Here(version string) Environment {
	return Environment{
		Kernel: firstLine("/proc/sys/kernel/osrelease"), Architecture: runtime.GOARCH, CPU: processor(),
		Cores: runtime.NumCPU(), Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), Spanbridge: version,
	}
}

func firstLine(path string) string {
	text, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

// processor is the model of the first one, as proc_cpuinfo(5) has it: where there is no name, as on
// arm64, what else tells one from another.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	var implementer, part string
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "model name":
			return value
		case "CPU implementer":
			implementer = value
		case "CPU part":
			part = value
		}
	}
	if part != "" {
		return fmt.Sprintf("implementer %s, part %s", implementer, part)
	}
	return "unknown"
}

// Differences are those that make figures incomparable, and those that may be what is
// compared.
func (e Environment) Differences(was Environment) (incomparable, told []string) {
	add := func(to *[]string, what, was, is string) {
		if was != is {
			*to = append(*to, fmt.Sprintf("%s was %q, is %q", what, was, is))
		}
	}
	add(&incomparable, "the kernel", was.Kernel, e.Kernel)
	add(&incomparable, "the architecture", was.Architecture, e.Architecture)
	add(&incomparable, "the processor", was.CPU, e.CPU)
	add(&incomparable, "the number of processors", fmt.Sprint(was.Cores), fmt.Sprint(e.Cores))
	add(&incomparable, "the governor", was.Governor, e.Governor)
	add(&incomparable, "the load", was.Load, e.Load)
	add(&incomparable, "a slice", was.Slice, e.Slice)
	add(&told, "the server", was.Server, e.Server)
	add(&told, "spanbridge", was.Spanbridge, e.Spanbridge)
	return incomparable, told
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// Operations without a file: --operation and --count are written out as profiles
// and read like any other. What is in the kernel and what is in programs go into
// one each, since a profile is about the host or about processes.
const (
	adhocHost    = "adhoc"
	adhocProgram = "adhoc-program"

	durationMetric = "spanbridge.operation.duration"
	eventCounter   = "spanbridge.events"
)

// adhoc is one operation or count of the command line.
type adhoc struct {
	setting string // where it stands, for messages
	name    string
	start   place
	done    *place // nil: its hits are counted
}

// place is a probe's address, with the fields by which an end finds its start.
type place struct {
	catalog.Address
	key []string
}

// adhocs reads what the settings say.
func (c *config) adhocs() (all []adhoc, err error) {
	var errs []error
	names := make(map[string]bool)
	for _, list := range []struct {
		setting string
		texts   []string
		pair    bool
	}{{"operations", c.Operations, true}, {"counts", c.Counts, false}} {
		for i, text := range list.texts {
			a, err := parseAdhoc(text, list.pair)
			a.setting = fmt.Sprintf("%s[%d]", list.setting, i)
			if err == nil && names[a.name] {
				err = fmt.Errorf("the name %s stands here twice", a.name)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", a.setting, err))
				continue
			}
			names[a.name] = true
			all = append(all, a)
		}
	}
	return all, errors.Join(errs...)
}

// parseAdhoc reads NAME=START..DONE, or [NAME=]ADDRESS where hits are counted.
func parseAdhoc(text string, pair bool) (a adhoc, err error) {
	form := "[NAME=]ADDRESS"
	if pair {
		form = "NAME=START..DONE"
	}
	name, rest, named := strings.Cut(text, "=")
	if !named {
		name, rest = "", text
	}
	start, done, isPair := strings.Cut(rest, "..")
	switch {
	case pair && (!named || !isPair):
		return a, fmt.Errorf("%q: want %s", text, form)
	case !pair && isPair:
		return a, fmt.Errorf("%q: a count has no end: want %s", text, form)
	}
	if a.start, err = parsePlace(start); err != nil {
		return a, err
	}
	if isPair {
		end, err := parsePlace(done)
		if err != nil {
			return a, err
		}
		a.done = &end
		if end.Kind.Kernel() != a.start.Kind.Kernel() {
			return a, errors.New("start and end are both in the kernel, or both in programs")
		}
		if len(end.key) != len(a.start.key) {
			return a, errors.New("start and end find each other by the same number of fields")
		}
	}
	a.name = cmp.Or(name, nameOf(a.start.Address), "events")
	if !operationName.MatchString(a.name) {
		return a, fmt.Errorf("%q is no name: want a lower-case letter and up to 63 more letters, digits, '_' or '.'", a.name)
	}
	return a, nil
}

var (
	operationName = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)
	keyed         = regexp.MustCompile(`^(.*)\[([A-Za-z0-9_.,]+)\]$`)
)

// parsePlace reads ADDRESS, or ADDRESS[FIELD,...].
func parsePlace(text string) (p place, err error) {
	text = strings.TrimSpace(text)
	if m := keyed.FindStringSubmatch(text); m != nil {
		text, p.key = m[1], strings.Split(m[2], ",")
	}
	p.Address, err = catalog.ParseAddress(text)
	return p, err
}

// nameOf makes a name of an address: that of the event or function.
func nameOf(a catalog.Address) string {
	name := strings.ToLower(cmp.Or(a.Name, a.Symbol))
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9_.]+`).ReplaceAllString(name, ""), "_.0123456789")
	return name[:min(len(name), 64)]
}

// adhocProfiles makes the profiles of what the settings say.
func (c *config) adhocProfiles() ([]*catalog.Profile, error) {
	all, err := c.adhocs()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var host, program []adhoc
	for _, a := range all {
		if a.start.Kind.Kernel() {
			host = append(host, a)
		} else {
			program = append(program, a)
		}
	}
	var profiles []*catalog.Profile
	for _, p := range []struct {
		name string
		list []adhoc
	}{{adhocHost, host}, {adhocProgram, program}} {
		if len(p.list) == 0 {
			continue
		}
		text, err := c.adhocText(p.name, p.list)
		if err != nil {
			return nil, err
		}
		profile, err := catalog.Parse(p.name, []byte(text))
		if err != nil {
			return nil, adhocFaults(err)
		}
		profiles = append(profiles, profile)
	}
	return profiles, nil
}

// adhocFaults leaves out where faults stand in a text that the user has not seen.
func adhocFaults(err error) error {
	var faults catalog.Faults
	if !errors.As(err, &faults) {
		return err
	}
	var errs []error
	for _, f := range faults {
		errs = append(errs, fmt.Errorf("%s: %s", strings.TrimPrefix(f.Path, "operations."), f.Message))
	}
	return errors.Join(errs...)
}

func (c *config) adhocText(name string, list []adhoc) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "profile: %s\n", name)
	if name == adhocProgram {
		executables, err := c.executables(list)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "match: {executables: [%s]}\n", strings.Join(executables, ", "))
	} else {
		b.WriteString("service: linux\n")
	}
	b.WriteString("operations:\n")
	for _, a := range list {
		fmt.Fprintf(&b, "  %s:\n", a.name)
		if a.done == nil {
			fmt.Fprintf(&b, "    counter: %s\n    tiers:\n      - tier: %s\n        point: %s\n", eventCounter, a.start.Kind, a.start.text(false))
			continue
		}
		fmt.Fprintf(&b, "    metric: %s\n    tiers:\n      - tier: %s\n", durationMetric, a.start.Kind)
		fmt.Fprintf(&b, "        start: %s\n        done: %s\n", a.start.text(false), a.done.text(true))
	}
	return b.String(), nil
}

// text is the place as a probe of a profile. At an end the error number of a
// function's or a system call's result is captured.
func (p *place) text(ends bool) string {
	b := "{probe: " + strconv.Quote(p.String())
	if len(p.key) > 0 {
		b += ", key: [" + strings.Join(p.key, ", ") + "]"
	}
	switch {
	case ends && p.Kind.Kernel() && p.Kind.Returns():
		b += ", capture: {error: {returned: true, type: i64, errno: true}}"
	case ends && p.Kind == catalog.Tracepoint && p.Provider == "syscalls" && strings.HasPrefix(p.Name, "sys_exit_"):
		b += ", capture: {error: {field: ret, type: i64, errno: true}}"
	}
	return b + "}"
}

// executables names the programs in which probes are: those that were named as
// targets, else those whose paths the addresses have.
func (c *config) executables(list []adhoc) ([]string, error) {
	var names []string
	for _, t := range c.Targets {
		target, err := probes.ParseTarget(t)
		if err != nil {
			return nil, err
		}
		path := cmp.Or(target.Path, target.Name)
		if target.PID != 0 {
			if path, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", target.PID)); err != nil {
				return nil, fmt.Errorf("process %d: %w", target.PID, err)
			}
		}
		names = append(names, strconv.Quote(strings.TrimSuffix(filepath.Base(path), " (deleted)")))
	}
	if len(names) > 0 {
		return names, nil
	}
	for _, a := range list {
		if !filepath.IsAbs(a.start.Path) || strings.Contains(filepath.Base(a.start.Path), ".so") {
			return nil, fmt.Errorf("%s: %s is in no program of its own: name processes with --target", a.setting, a.start.Address)
		}
		names = append(names, strconv.Quote(filepath.Base(a.start.Path)))
	}
	return names, nil
}

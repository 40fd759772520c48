// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spanbridge/spanbridge/bridge/inert"
	"github.com/spanbridge/spanbridge/probes"
)

// pageWidth is that of the narrowest terminal in use.
const pageWidth = 80

// doctorPage draws a diagnosis for people.
type doctorPage struct {
	out   io.Writer
	color bool
	w     *bufio.Writer
}

func (p *doctorPage) print(d *diagnosis) error {
	p.w = bufio.NewWriter(p.out)
	p.host(d.Host)
	for i := range d.Hosts {
		p.hosted(&d.Hosts[i], d.Detail)
	}
	for i := range d.Targets {
		p.target(&d.Targets[i], d.Detail)
	}
	for _, u := range d.Unknown {
		fmt.Fprintf(p.w, "\n%s\n", p.strong(fmt.Sprintf("process %d", u.PID)))
		p.paragraph("program", orDash(u.Executable))
		p.paragraph("not known", u.Reason)
	}
	if len(d.Targets)+len(d.Unknown)+len(d.Hosts) == 0 {
		fmt.Fprint(p.w, "\nno server that a profile knows is running, or may be looked at\n")
	}
	return p.w.Flush()
}

func (p *doctorPage) host(checks []probes.Check) {
	fmt.Fprintln(p.w, p.strong("host"))
	for _, c := range checks {
		fmt.Fprintf(p.w, "  %s  %-20s  ", p.state(c.State), c.Name)
		p.wrap(33, c.Detail)
		if c.Mend != "" {
			fmt.Fprint(p.w, strings.Repeat(" ", 33))
			p.wrap(33, "→ "+c.Mend)
		}
	}
}

func (p *doctorPage) target(t *probes.TargetReport, detail string) {
	fmt.Fprintf(p.w, "\n%s\n", p.strong(fmt.Sprintf("process %d", t.PID)))
	p.paragraph("program", t.Executable)
	p.paragraph("version", orDash(t.Version))
	p.paragraph("profile", standing(t))
	if t.ContainerID != "" {
		p.paragraph("container", t.ContainerID)
	}
	p.operations(t.Operations)
	for _, op := range t.Operations {
		if len(op.Lacks) > 0 {
			p.paragraph("lacks", fmt.Sprintf("%s by %s: %s", op.Name, op.Tier, join(op.Lacks)))
		}
	}
	for _, g := range t.MissingByReason() {
		p.paragraph("missing", fmt.Sprintf("%s in %s: %s", join(g.Captures), join(g.Operations), g.Reason))
	}
	for _, op := range t.Operations {
		if op.AtEntry != "" {
			p.paragraph("at entry", fmt.Sprintf("%s is hit more often than it happens: %s", op.Name, op.AtEntry))
		}
	}
	for _, reason := range t.Reasons() {
		p.paragraph("not seen", reason)
	}
	for _, op := range t.Operations {
		for _, m := range op.Misses {
			p.paragraph("not by", fmt.Sprintf("%s in %s: %s", m.Tier, op.Name, m.Reason))
		}
	}
	if len(t.LeftOut) > 0 {
		p.paragraph("left out", fmt.Sprintf("by --detail %s: %s", detail, join(t.LeftOut)))
	}
	for _, h := range t.Hints {
		p.paragraph("→", fmt.Sprintf("%s by %s: %s", join(h.Operations), h.Tier, h.Mend))
	}
}

// hosted tells how a profile about the host is served.
func (p *doctorPage) hosted(h *probes.HostReport, detail string) {
	fmt.Fprintf(p.w, "\n%s\n", p.strong("the host, by "+h.Profile))
	p.operations(h.Operations)
	for _, op := range h.Operations {
		for _, m := range op.Missing {
			p.paragraph("missing", fmt.Sprintf("%s in %s: %s", m.Capture, op.Name, m.Reason))
		}
		for _, reason := range op.Passed {
			p.paragraph("not at", fmt.Sprintf("%s in %s", reason, op.Name))
		}
		for _, m := range op.Misses {
			p.paragraph("not by", fmt.Sprintf("%s in %s: %s", m.Tier, op.Name, m.Reason))
		}
	}
	for _, reason := range h.Reasons() {
		p.paragraph("not seen", reason)
	}
	if len(h.LeftOut) > 0 {
		p.paragraph("left out", fmt.Sprintf("by --detail %s: %s", detail, join(h.LeftOut)))
	}
}

func standing(t *probes.TargetReport) string {
	switch t.Standing {
	case probes.StandingTested:
		return t.Profile + ", tested with this series"
	case probes.StandingUnproven:
		return fmt.Sprintf("%s, unproven: it was tested with %s", t.Profile, join(t.Tested))
	}
	return t.Profile
}

func (p *doctorPage) operations(ops []probes.OperationReport) {
	if len(ops) == 0 {
		return
	}
	name, tier := len("operation"), len("tier")
	for _, op := range ops {
		name, tier = max(name, len(op.Name)), max(tier, len(op.Tier))
	}
	fmt.Fprintf(p.w, "\n  %-*s  %-*s  %9s  sites\n", name, "operation", tier, "tier", "cost")
	for _, op := range ops {
		fmt.Fprintf(p.w, "  %-*s  %-*s  %9s  %s\n", name, op.Name, tier, op.Tier, costText(op.CostNs), classes(op.Sites))
	}
	fmt.Fprintln(p.w)
}

// costText tells an estimate in microseconds.
func costText(ns int64) string {
	if ns == 0 {
		return "unknown"
	}
	return fmt.Sprintf("≈ %.0f µs", time.Duration(ns).Seconds()*1e6)
}

// classes counts sites by what they cost, such as "2 emulated, 1 single-step".
func classes(sites []probes.OperationSite) string {
	var parts []string
	for _, class := range []probes.Cost{probes.CostEmulated, probes.CostReturn, probes.CostStepped, probes.CostUnknown,
		probes.CostKprobe, probes.CostTracing, probes.CostTracepoint} {
		n := 0
		for _, s := range sites {
			if s.Cost == class {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, class))
		}
	}
	return join(parts)
}

// paragraph prints a text behind its label.
func (p *doctorPage) paragraph(label, text string) {
	fmt.Fprintf(p.w, "  %-9s  ", label)
	p.wrap(13, text)
}

// wrap prints a text from this column on, and further lines below its
// beginning. Names of functions are not cut: they are there to be copied.
func (p *doctorPage) wrap(column int, text string) {
	at := column
	for i, word := range strings.Fields(inert.Text(text)) {
		width := len([]rune(word))
		switch {
		case i == 0:
		case at+1+width > pageWidth:
			fmt.Fprintf(p.w, "\n%s", strings.Repeat(" ", column))
			at = column
		default:
			fmt.Fprint(p.w, " ")
			at++
		}
		fmt.Fprint(p.w, word)
		at += width
	}
	fmt.Fprintln(p.w)
}

func (p *doctorPage) strong(text string) string { return p.paint("1", text) }

func (p *doctorPage) state(s probes.State) string {
	states := []probes.State{probes.StateOK, probes.StateLimited, probes.StateMissing, probes.StateUnknown}
	colors := []string{"32", "33", "31", "33"}
	return p.paint(colors[max(slices.Index(states, s), 0)], fmt.Sprintf("%-7s", s))
}

// paint uses a colour of ECMA-48, if the terminal wants it.
func (p *doctorPage) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

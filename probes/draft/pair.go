// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// habit is how people name the two ends of something.
type habit struct {
	start string
	done  []string // the first that exists
	also  []string // further ways to end, each one that exists
	nests bool     // it is that of functions, which call themselves
}

var habits = []habit{
	{start: "start", done: []string{"done", "end", "stop", "finish"}, also: []string{"commit", "abort", "rollback"}},
	{start: "begin", done: []string{"end", "done"}, also: []string{"commit", "abort", "rollback"}},
	{start: "entry", done: []string{"return", "exit"}, nests: true},
	{start: "enter", done: []string{"exit", "leave", "return"}, nests: true},
	{start: "startup", done: []string{"shutdown"}},
}

// operation is a pair of probes, or a single one.
type operation struct {
	name     string
	path     string
	provider string
	start    *usdt.Probe // nil for a point
	done     []*usdt.Probe
	point    *usdt.Probe
	nests    bool
}

func (o *operation) probes() []*usdt.Probe {
	if o.start == nil {
		return []*usdt.Probe{o.point}
	}
	return append([]*usdt.Probe{o.start}, o.done...)
}

func (o *operation) sites() (n int) {
	for _, p := range o.probes() {
		n += len(p.Sites)
	}
	return n
}

// address returns where a probe of the operation is.
func (o *operation) address(p *usdt.Probe) string { return addressOf(o.path, p).String() }

func addressOf(path string, p *usdt.Probe) catalog.Address {
	return catalog.Address{Kind: catalog.USDT, Path: path, Provider: p.Provider, Name: p.Name}
}

// operations are those of a draft, and what was left out with the reason.
type operations struct {
	operations []*operation
	omitted    []string
}

// operationsOf makes pairs first: where there are more probes than can be
// attached, single ones tell less.
func operationsOf(files []File, l Limits) operations {
	var found operations
	var pairs, points []*operation
	for i := range files {
		usable := found.usable(&files[i], l)
		used := make(map[*usdt.Probe]bool)
		for _, p := range usable {
			if op := pairOf(files[i].Path, p, usable); op != nil {
				pairs = append(pairs, op)
				for _, part := range op.probes() {
					used[part] = true
				}
			}
		}
		for _, p := range usable {
			if !used[p] {
				points = append(points, &operation{name: p.Name, path: files[i].Path, provider: p.Provider, point: p})
			}
		}
	}
	sites := 0
	for _, op := range append(pairs, points...) {
		sites += op.sites()
		if len(found.operations) == l.Operations || sites > l.Sites {
			sites -= op.sites()
			found.omit(op.probes()[0], fmt.Sprintf("more than %d operations or %d sites", l.Operations, l.Sites))
			continue
		}
		found.operations = append(found.operations, op)
	}
	nameAll(found.operations)
	return found
}

func (o *operations) omit(p *usdt.Probe, why string) {
	o.omitted = append(o.omitted, fmt.Sprintf("%s:%s: %s", printable(p.Provider), printable(p.Name), why))
}

// usable returns the probes that can be attached by their address.
func (o *operations) usable(f *File, l Limits) []*usdt.Probe {
	var all []*usdt.Probe
	for i := range f.Probes {
		p := &f.Probes[i]
		if why := refusal(f.Path, p, l); why != "" {
			o.omit(p, why)
			continue
		}
		all = append(all, p)
	}
	return all
}

// refusal says why a probe cannot be used: all of its sites are attached, or
// none.
func refusal(path string, p *usdt.Probe, l Limits) string {
	if len(p.Sites) == 0 {
		return "it has no site"
	}
	for i := range p.Sites {
		if err := l.Refuse(p.Sites[i].Instruction.Kind); err != nil {
			return err.Error()
		}
	}
	want := addressOf(path, p)
	if got, err := catalog.ParseAddress(want.String()); err != nil || got != want {
		return "its name cannot be written in a profile"
	}
	return ""
}

// pairOf returns the operation that a probe starts, nil if none of the others
// ends one. Names end in _HABIT or __HABIT, or are nothing else.
func pairOf(path string, start *usdt.Probe, all []*usdt.Probe) *operation {
	for _, h := range habits {
		prefix, ok := strings.CutSuffix(start.Name, h.start)
		if !ok || prefix != "" && !strings.HasSuffix(prefix, "_") {
			continue
		}
		find := func(end string) *usdt.Probe {
			i := slices.IndexFunc(all, func(p *usdt.Probe) bool {
				return p.Provider == start.Provider && p.Name == prefix+end
			})
			if i < 0 {
				return nil
			}
			return all[i]
		}
		op := &operation{name: strings.TrimRight(prefix, "_"), path: path, provider: start.Provider, start: start, nests: h.nests}
		for _, end := range h.done {
			if p := find(end); p != nil {
				op.done = append(op.done, p)
				break
			}
		}
		for _, end := range h.also {
			if p := find(end); p != nil {
				op.done = append(op.done, p)
			}
		}
		if len(op.done) > 0 {
			return op
		}
	}
	return nil
}

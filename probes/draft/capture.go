// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"fmt"
	"strconv"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

// capture is an argument that is read.
type capture struct {
	name string
	arg  int
	kind catalog.Type
}

// reading is what to capture at the probes of an operation.
type reading struct {
	start   []capture
	done    [][]capture // of each done probe
	omitted []string    // what is not read, and why
}

// read lays out the captures of a pair. Those at its end have other names than
// those at its start, since the same number need not mean the same; those of
// several ends share names and therefore types.
func (o *operation) read() reading {
	var r reading
	free := bridge.MaxValues
	r.start = r.argumentsOf(o.start, "arg", &free, argumentTypes(o.start))
	types := argumentTypes(o.done...)
	left := free
	for _, p := range o.done {
		free = left
		r.done = append(r.done, r.argumentsOf(p, "done_arg", &free, types))
	}
	return r
}

// argumentsOf returns the arguments of a probe that can be read at all of its
// sites.
func (r *reading) argumentsOf(p *usdt.Probe, prefix string, free *int, types map[int]catalog.Type) []capture {
	omit := func(what, why string) {
		r.omitted = append(r.omitted, fmt.Sprintf("%s of %s: %s", what, printable(p.Name), why))
	}
	most := 0
	for i := range p.Sites {
		if err := p.Sites[i].ArgsErr; err != nil {
			omit("arguments", "they cannot be told apart")
			return nil
		}
		most = max(most, len(p.Sites[i].Args))
	}
	var all []capture
	for n := range most {
		what := "argument " + strconv.Itoa(n)
		if why := unreadable(p, n); why != "" {
			omit(what, why)
			continue
		}
		if *free == 0 {
			omit(what, fmt.Sprintf("a span has room for %d", bridge.MaxValues))
			continue
		}
		*free--
		all = append(all, capture{name: prefix + strconv.Itoa(n), arg: n, kind: types[n]})
	}
	return all
}

// unreadable says why an argument cannot be captured.
func unreadable(p *usdt.Probe, n int) string {
	if n > catalog.MaxArg {
		return fmt.Sprintf("beyond the highest number, %d", catalog.MaxArg)
	}
	for i := range p.Sites {
		args := p.Sites[i].Args
		switch {
		case n >= len(args):
			return "not all of its sites have it"
		case args[n].Float:
			return "a floating-point number"
		case args[n].Kind == usdt.Unavailable:
			return printable(args[n].Text) + " cannot be read"
		}
	}
	return ""
}

// argumentTypes returns the type by number that holds the argument wherever it
// stands: as wide as the widest, signed if one is.
func argumentTypes(probes ...*usdt.Probe) map[int]catalog.Type {
	width, signed := make(map[int]int), make(map[int]bool)
	for _, p := range probes {
		for i := range p.Sites {
			for n, a := range p.Sites[i].Args {
				width[n] = max(width[n], a.Size)
				signed[n] = signed[n] || a.Signed
			}
		}
	}
	types := make(map[int]catalog.Type)
	for n, bytes := range width {
		letter := "u"
		if signed[n] {
			letter = "i"
		}
		types[n] = catalog.Type(letter + strconv.Itoa(8*bytes))
	}
	return types
}

// SPDX-License-Identifier: Apache-2.0

package draft

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// maxOmitted bounds how much of what was left out is listed.
const maxOmitted = 50

// writer puts a profile together.
type writer struct{ b strings.Builder }

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

const preamble = `# A profile to start from, made of the USDT probes that the program has. It runs
# as it is:
#
#   spanbridge profiles check FILE
#   sudo spanbridge run --profile FILE --export console
#
# What is left to you:
#
# - Take out what you do not need: every hit costs the program about a microsecond.
# - Pairs are guesses by the names of probes. An operation begins and ends on one
#   thread; one that can happen inside itself needs "recursive: true".
# - Arguments have numbers only; the program's documentation or its .d file says
#   what they are. Give captures and attributes names.
# - An argument of 8 bytes can be the address of a text: "type: string", or, with
#   "dialect: mysql" or "dialect: postgresql" above, "type: sql" for a statement.
# - A database has "system:"; an operation that serves a client "kind: server"; one
#   that happens inside another can have it as "parent:".
`

// head writes everything above the operations.
func (w *writer) head(p *Program, omitted []string) {
	w.b.WriteString(preamble)
	if len(omitted) > 0 {
		w.line("#\n# Not in this draft:")
		for i, o := range omitted {
			if i == maxOmitted {
				w.line("# - and %d more", len(omitted)-i)
				break
			}
			w.line("# - %s", o)
		}
	}
	name, executables := "program", []string{}
	for _, e := range p.Executables {
		if executableName.MatchString(e) && utf8.RuneCountInString(e) <= maxExecutableName && utf8.ValidString(e) {
			executables = append(executables, scalar(e))
		}
	}
	if len(executables) > 0 {
		name = word(p.Executables[0], '-', maxProfileName)
	}
	w.line("profile: my-%s", name)
	if oneLine.MatchString(p.Version) && utf8.RuneCountInString(p.Version) <= maxLine && utf8.ValidString(p.Version) {
		w.line("# The version that this was made from. Keep it once you have seen it work.\ntested: [%s]", strconv.Quote(p.Version))
	} else {
		w.line(`# tested: ["1.2.3"], the versions that you have seen it work with`)
	}
	w.line("match:")
	if len(executables) == 0 {
		w.line("  # Name the programs that load the library.\n  executables: [my-program]")
	} else {
		w.line("  executables: [%s]", strings.Join(executables, ", "))
	}
	w.line("service: %s", scalar(name))
	if p.VersionSymbol != "" {
		w.line("version_symbol: %s", scalar(p.VersionSymbol))
	}
	w.line("operations:")
}

func (w *writer) operation(o *operation) {
	w.line("  %s:", o.name)
	if o.start == nil {
		w.line("    # Counted: one probe has no duration. It has %s.", countArgs(o.point.Sites[0].Args))
		w.line("    counter: %s", o.key())
		w.line("    tiers:\n      - tier: usdt\n        point: {probe: %s}", strconv.Quote(o.address(o.point)))
		return
	}
	r := o.read()
	w.line("    kind: internal\n    metric: %s.duration", o.key())
	if o.nests {
		w.line("    recursive: true")
	}
	for _, omitted := range r.omitted {
		w.line("    # Not read: %s.", omitted)
	}
	w.attributes(o, &r)
	w.line("    tiers:\n      - tier: usdt\n        start:")
	w.probe("          ", "          ", o.address(o.start), r.start)
	w.line("        done:")
	for i, p := range o.done {
		if len(o.done) == 1 {
			w.probe("          ", "          ", o.address(p), r.done[i])
			continue
		}
		w.probe("          - ", "            ", o.address(p), r.done[i])
	}
}

// attributes shows every capture on the spans, so that there is something to
// look at.
func (w *writer) attributes(o *operation, r *reading) {
	seen := make(map[string]bool)
	for _, list := range append([][]capture{r.start}, r.done...) {
		for _, c := range list {
			if len(seen) == 0 {
				w.line("    attributes:")
			}
			if !seen[c.name] {
				w.line("      %s.%s: %s", o.key(), c.name, c.name)
			}
			seen[c.name] = true
		}
	}
}

func (w *writer) probe(first, next, address string, captures []capture) {
	w.line("%sprobe: %s", first, scalar(address))
	if len(captures) == 0 {
		return
	}
	w.line("%scapture:", next)
	for _, c := range captures {
		note := ""
		if c.kind == catalog.TypeU64 {
			note = " # a number, or the address of a text"
		}
		w.line("%s  %s: {arg: %d, type: %s}%s", next, c.name, c.arg, c.kind, note)
	}
}

func countArgs[T any](args []T) string {
	switch len(args) {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", len(args))
}

var (
	// plain needs no quotes anywhere in YAML: it begins with a letter and has
	// neither ": " nor " #", nor a bracket.
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./:+-]*[A-Za-z0-9_]$`)
	// What YAML takes for something else than text.
	reserved = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|null|y|n)$`)
	// As in catalog, with their lengths.
	executableName = regexp.MustCompile(`^[^/\x00-\x1f\x7f]+$`)
	oneLine        = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

const (
	maxExecutableName = 255 // characters
	maxLine           = 200
)

// scalar writes a text as YAML. A quoted Go string is one of YAML's too.
func scalar(s string) string {
	if plain.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

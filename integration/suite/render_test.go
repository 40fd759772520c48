// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/servers.md")

const (
	document = "../../docs/servers.md"
	begin    = "<!-- made of integration/suite/expected.yaml -->\n"
	end      = "<!-- end -->\n"
)

func TestDocumentHasTheTable(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has not the lines %q and %q", document, begin, end)
	}
	want := before + begin + "\n" + render(loadExpectations(t), loadSuite(t)) + "\n" + end + after
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s differs from expected.yaml: go test ./integration/suite -update", document)
	}
}

// notes are numbered in the order in which they are first mentioned.
type notes []string

func (n *notes) mark(text string) string {
	i := slices.Index(*n, text)
	if i < 0 {
		i = len(*n)
		*n = append(*n, text)
	}
	return fmt.Sprintf("<sup>%d</sup>", i+1)
}

// render makes the table of tiers, the table of fields and its notes.
func render(e *expectations, s *suite) string {
	var b strings.Builder
	var n notes
	b.WriteString("| column | server | tier | needs | statements | kinds of errors |\n|---|---|---|---|---|---|\n")
	for i, tier := range e.Tiers {
		statements, failures := s.size(tier.Dialect)
		fmt.Fprintf(&b, "| %c | %s | `%s` | %s | %d | %d |\n", 'A'+i, tier.Title, tier.Tier, cmp.Or(tier.Needs, "nothing"), statements, failures)
	}
	b.WriteString("\n| field | where |")
	for i := range e.Tiers {
		fmt.Fprintf(&b, " %c |", 'A'+i)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(e.Tiers)) + "\n")
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "| %s | %s |", f.Field, f.Where)
		for _, tier := range e.Tiers {
			fmt.Fprintf(&b, " %s |", f.In[tier.Column].render(&n))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for i, note := range n {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	return b.String()
}

func (c *cell) render(n *notes) string {
	if !c.Yes {
		return "no " + n.mark(c.No+c.butFor())
	}
	text := "yes"
	if len(c.As) > 0 {
		text += " " + n.mark("as `"+strings.Join(c.As, "`, `")+"`")
	}
	if len(c.Except) > 0 {
		text += " " + n.mark(strings.TrimPrefix(c.butFor(), ", "))
	}
	return text
}

func (c *cell) butFor() string {
	if len(c.Except) == 0 {
		return ""
	}
	return ", but for " + c.exceptions()
}

// exceptions joins the statements of one reason.
func (c *cell) exceptions() string {
	byReason := make(map[string][]string)
	for name, reason := range c.Except {
		of, _, _ := strings.Cut(name, " #")
		if !slices.Contains(byReason[reason], of) {
			byReason[reason] = append(byReason[reason], of)
		}
	}
	var all []string
	for reason, names := range byReason {
		slices.Sort(names)
		all = append(all, fmt.Sprintf("*%s*: %s", strings.Join(names, "*, *"), reason))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// size counts different statements, and the kinds of errors.
func (s *suite) size(dialect string) (statements, failures int) {
	different, kinds := make(map[string]bool), make(map[string]bool)
	for i := range s.Cases {
		for _, step := range s.Cases[i].of(dialect) {
			for _, text := range step.statements(dialect) {
				different[text] = true
			}
			if f := step.Fails.of(dialect); f != "" {
				kinds[f] = true
			}
		}
	}
	return len(different), len(kinds)
}

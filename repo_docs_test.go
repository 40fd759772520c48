// SPDX-License-Identifier: Apache-2.0

package spanbridge

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

// tableUnder returns the rows of the first table behind a heading, without the
// heading of the table itself.
func tableUnder(t *testing.T, file, heading string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+string(read(t, file)), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", file, heading)
	}
	var rows [][]string
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.HasPrefix(line, "#") || len(rows) > 0 && !strings.HasPrefix(line, "|") {
			break
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("%s has no table under %q", file, heading)
	}
	return rows[2:]
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

var codeBlock = regexp.MustCompile("(?s)(?:^|\n)```.*?\n```")

// codeSpans returns what stands between backticks, outside blocks of code.
func codeSpans(text string) []string {
	var all []string
	text = codeBlock.ReplaceAllString(text, "")
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// documents lists the Markdown files.
func documents(t *testing.T) []string {
	var all []string
	for _, name := range files(t) {
		if path.Ext(name) == ".md" {
			all = append(all, name)
		}
	}
	return all
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(string(read(t, name)), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			if to = path.Join(path.Dir(name), to); !exists(to) {
				t.Errorf("%s: link to %s, which is not there", name, to)
			}
		}
	}
}

func TestPathsAndTestsThatArchitectureNamesExist(t *testing.T) {
	text := string(read(t, "ARCHITECTURE.md"))
	tests := make(map[string]bool)
	for _, s := range sources(t) {
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && s.isTest() {
				tests[f.Name.Name] = true
			}
		}
	}
	file := regexp.MustCompile(`^[A-Za-z0-9_./-]+\.(go|c|h|sh|yaml|txt|md)$`)
	named := 0
	for _, span := range codeSpans(text) {
		switch {
		case strings.HasPrefix(span, "Test") || strings.HasPrefix(span, "Fuzz"):
			named++
			if !tests[span] {
				t.Errorf("ARCHITECTURE.md names %s, and there is no such test", span)
			}
		case file.MatchString(span) && !exists(span):
			t.Errorf("ARCHITECTURE.md names the file %s, which is not there", span)
		}
	}
	if named < 10 {
		t.Errorf("ARCHITECTURE.md names %d tests only: its invariants are to be held by tests", named)
	}
}

// code returns the lines and spans of a document that are code.
func code(text string) []string {
	all := codeSpans(text)
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		} else if fenced || strings.HasPrefix(line, "    ") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

// isCommand looks a verb up in the program's source, and what follows it where
// the verb is a group of others.
func isCommand(program, verb, next string) bool {
	has := func(name string) bool {
		return regexp.MustCompile(`Use:\s+"` + name + `[ "]`).MatchString(program)
	}
	if strings.Contains(program, `group("`+verb+`"`) {
		return next == "" || has(next)
	}
	return has(verb)
}

func TestCommandsInDocumentsExist(t *testing.T) {
	targets := regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(string(read(t, "Makefile")), -1)
	isTarget := func(name string) bool {
		return slices.ContainsFunc(targets, func(m []string) bool { return m[1] == name })
	}
	var program strings.Builder
	for _, s := range sources(t) {
		if s.folder() == "cmd/spanbridge" && !s.isTest() {
			program.Write(s.text)
		}
	}
	target := regexp.MustCompile(`^(?:\$ )?make ([a-z][a-z-]*)`)
	verb := regexp.MustCompile(`(?:^|[^-:/.\w])spanbridge ([a-z]+)(?: ([a-z]+))?(.*)`)
	flag := regexp.MustCompile(`--([a-z][a-z-]*)`)
	found := 0
	for _, name := range documents(t) {
		for _, line := range code(string(read(t, name))) {
			if m := target.FindStringSubmatch(line); m != nil && !isTarget(m[1]) {
				t.Errorf("%s says %q, and the Makefile has no such target", name, m[0])
			}
			flags := line
			if m := verb.FindStringSubmatch(line); m != nil {
				flags = m[3]
				if !isCommand(program.String(), m[1], m[2]) {
					t.Errorf("%s says %q, and there is no such command", name, line)
				}
			} else if !strings.HasPrefix(line, "--") {
				continue
			}
			found++
			for _, f := range flag.FindAllStringSubmatch(flags, -1) {
				if f[1] != "help" && !strings.Contains(program.String(), `"`+f[1]+`"`) {
					t.Errorf("%s says %s, and there is no such flag", name, f[0])
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d commands in the documents only: the search is wrong", found)
	}
	readme := string(read(t, "README.md"))
	for _, want := range []string{"make demo", "make test", "spanbridge run --export console", "collector-config.yaml"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md does not mention %s", want)
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	if n := bytes.Count(read(t, "README.md"), []byte("\n")); n > 200 {
		t.Errorf("README.md has %d lines, want at most 200", n)
	}
}

// Every key of the format is explained, and every example is a valid profile.
func TestGuideToProfilesIsWholeAndItsExamplesAreValid(t *testing.T) {
	guide := string(read(t, "docs/profiles.md"))
	explained := codeSpans(guide)
	for _, m := range regexp.MustCompile(`yaml:"([a-z_]+)"`).FindAllStringSubmatch(catalogSource(t), -1) {
		if !slices.Contains(explained, m[1]) {
			t.Errorf("docs/profiles.md does not explain the key %s", m[1])
		}
	}
	examples := regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindAllStringSubmatch(guide, -1)
	if len(examples) == 0 {
		t.Error("docs/profiles.md has no example")
	}
	for i, m := range examples {
		if _, err := catalog.Parse(fmt.Sprintf("example %d", i+1), []byte(m[1])); err != nil {
			t.Errorf("docs/profiles.md: %v", err)
		}
	}
}

func catalogSource(t *testing.T) string {
	var all strings.Builder
	for _, s := range sources(t) {
		if s.folder() == "probes/catalog" && !s.isTest() {
			all.Write(s.text)
		}
	}
	return all.String()
}

// Every name that spanbridge makes up is defined: attributes, metrics, and the
// numbers of the ledger.
func TestNamesThatAreOursAreExplained(t *testing.T) {
	explained := codeSpans(string(read(t, "docs/attributes.md")) + string(read(t, "docs/linux.md")))
	own := regexp.MustCompile(`"(spanbridge\.[a-z._]+)"`)
	ledger := regexp.MustCompile(`"([a-z_]+)", [a-z]+\.[A-Z]`)
	for _, s := range sources(t) {
		// The console draws attributes that a user's profile may have.
		if s.isTest() || within(s.folder(), []string{"integration", "examples", "exporters/console"}) {
			continue
		}
		names := own.FindAllStringSubmatch(string(s.text), -1)
		if s.path == "cmd/spanbridge/ledger.go" {
			names = append(names, ledger.FindAllStringSubmatch(string(s.text), -1)...)
		}
		for _, m := range names {
			if !slices.Contains(explained, m[1]) {
				t.Errorf("docs/attributes.md does not explain %s of %s", m[1], s.path)
			}
		}
	}
	for _, p := range catalog.Builtin() {
		for _, op := range p.Operations {
			metrics := []string{op.Metric, op.Counter}
			for _, sum := range op.Sum {
				metrics = append(metrics, sum.Counter)
			}
			for _, metric := range metrics {
				if strings.HasPrefix(metric, "spanbridge.linux.") && !slices.Contains(explained, metric) {
					t.Errorf("neither docs/attributes.md nor docs/linux.md explains %s of the profile %s", metric, p.Name)
				}
			}
			for _, a := range op.Attributes {
				if !slices.Contains(explained, a.Key) {
					t.Errorf("neither docs/attributes.md nor docs/linux.md explains %s of the profile %s", a.Key, p.Name)
				}
			}
		}
	}
}

// The README's table of tiers is made from the built-in profile.
func TestReadmeTellsWhatEachTierLacks(t *testing.T) {
	var want []string
	for _, p := range catalog.Builtin() {
		if p.System == "" {
			continue
		}
		for _, tier := range p.Operations.Find("query").Tiers {
			var operations []string
			for _, op := range p.Operations {
				if slices.ContainsFunc(op.Tiers, func(other *catalog.Tier) bool { return other.Name == tier.Name }) {
					operations = append(operations, op.Name)
				}
			}
			want = append(want, fmt.Sprintf("%s %s: operations %s; lacks %s",
				p.Name, tier.Name, strings.Join(operations, ", "), strings.Join(tier.Lacks, ", ")))
		}
	}
	var got []string
	for _, row := range tableUnder(t, "README.md", "### What it sees") {
		got = append(got, fmt.Sprintf("%s: operations %s; lacks %s", strings.Join(codeSpans(row[0]), " "), row[2], row[3]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md, \"What it sees\", differs from the built-in profiles (-profiles +README):\n%s", diff)
	}
}

func TestChangelogKnowsTheVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^var version = "([0-9.]+)`).FindSubmatch(read(t, "cmd/spanbridge/main.go"))
	if version == nil {
		t.Fatal("cmd/spanbridge/main.go sets no version")
	}
	if heading := "\n## [" + string(version[1]) + "]"; !strings.Contains(string(read(t, "CHANGELOG.md")), heading) {
		t.Errorf("CHANGELOG.md has no heading %q", strings.TrimSpace(heading))
	}
}

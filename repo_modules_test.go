// SPDX-License-Identifier: Apache-2.0

package spanbridge

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// linked is a module whose code is compiled into a program or a test.
type linked struct{ path, folder string }

// list asks the go command, which knows what build tags and tests bring in.
var list = sync.OnceValues(func() ([]byte, error) {
	const form = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}"
	return exec.Command("go", "list", "-deps", "-test", "-tags", "integration", "-f", form, "./...").Output()
})

func linkedModules(t *testing.T) []linked {
	t.Helper()
	out, err := list()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := make(map[string]bool)
	var all []linked
	for line := range strings.Lines(string(out)) {
		module, folder, found := strings.Cut(strings.TrimSpace(line), "\t")
		if found && !seen[module] {
			seen[module] = true
			all = append(all, linked{module, folder})
		}
	}
	if len(all) < 10 {
		t.Fatalf("go list names %d modules only", len(all))
	}
	return all
}

// licenceOf recognises the licence of a module by the wording of its text.
func licenceOf(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "[LC][IOio][CPcp]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		base := strings.ToUpper(filepath.Base(name))
		if !strings.HasPrefix(base, "LICEN") && !strings.HasPrefix(base, "COPYING") {
			continue
		}
		text := strings.Join(strings.Fields(string(read(t, name))), " ")
		for _, known := range []struct{ words, licence string }{
			{"GNU GENERAL PUBLIC LICENSE Version", "GPL"},
			{"GNU AFFERO GENERAL PUBLIC LICENSE Version", "AGPL"},
			{"GNU LESSER GENERAL PUBLIC LICENSE Version", "LGPL"},
			{"Mozilla Public License Version 2.0", "MPL-2.0"},
			{"Mozilla Public License, version 2.0", "MPL-2.0"},
			{"Apache License Version 2.0", "Apache-2.0"},
			{"Permission is hereby granted, free of charge", "MIT"},
			{"Neither the name of", "BSD-3-Clause"},
			{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
		} {
			if strings.Contains(text, known.words) {
				return known.licence
			}
		}
	}
	return "unknown"
}

func TestEveryLinkedModuleHasALicenceThatFits(t *testing.T) {
	fits := []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0"}
	for _, m := range linkedModules(t) {
		if licence := licenceOf(t, m.folder); !slices.Contains(fits, licence) {
			t.Errorf("%s has the licence %s, want one of %s", m.path, licence, strings.Join(fits, ", "))
		}
	}
}

func TestEveryDirectDependencyHasAReasonAndItsLicence(t *testing.T) {
	modules := linkedModules(t)
	direct := make(map[string]bool)
	for _, s := range sources(t) {
		for _, imported := range s.imports() {
			best := ""
			for _, m := range modules {
				if within(imported, []string{m.path}) && len(m.path) > len(best) {
					best = m.path
				}
			}
			if best != "" {
				direct[best] = true
			}
		}
	}
	told := make(map[string]bool)
	for _, row := range tableUnder(t, "ARCHITECTURE.md", "## Dependencies") {
		for _, module := range codeSpans(row[0]) {
			told[module] = true
			if !direct[module] {
				t.Errorf("ARCHITECTURE.md lists %s, which is no direct dependency", module)
				continue
			}
			at := slices.IndexFunc(modules, func(m linked) bool { return m.path == module })
			if got := licenceOf(t, modules[at].folder); got != row[1] {
				t.Errorf("ARCHITECTURE.md gives %s the licence %s, its text is that of %s", module, row[1], got)
			}
			if len(row[2]) < 10 {
				t.Errorf("ARCHITECTURE.md gives no reason for %s", module)
			}
		}
	}
	for module := range direct {
		if !told[module] {
			t.Errorf("ARCHITECTURE.md does not list the direct dependency %s", module)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package spanbridge holds no code but the rules that the repository keeps:
// who may import whom, what a package says of itself, licences, sizes, and that
// the documents tell what is there.
package spanbridge

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/spanbridge/spanbridge"

// source is a Go file of this module.
type source struct {
	path string
	text []byte
	ast  *ast.File
	fset *token.FileSet
}

func (s *source) folder() string  { return path.Dir(s.path) }
func (s *source) isTest() bool    { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) generated() bool { return ast.IsGenerated(s.ast) }
func (s *source) lines() int      { return bytes.Count(s.text, []byte("\n")) }

// imports lists what the file imports.
func (s *source) imports() []string {
	var all []string
	for _, spec := range s.ast.Imports {
		all = append(all, strings.Trim(spec.Path.Value, `"`))
	}
	return all
}

// walk lists the files of the repository, with slashes. Build output, hidden
// folders and folders with a go.mod of their own are left out.
var walk = sync.OnceValues(func() (all []string, err error) {
	err = filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" && !entry.IsDir() {
			return nil // of a work tree: where its repository is
		}
		if !entry.IsDir() {
			all = append(all, filepath.ToSlash(name))
			return nil
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && name != "."
		if hidden || name == "build" || name != "." && exists(name+"/go.mod") {
			return fs.SkipDir
		}
		return nil
	})
	return all, err
})

// parse reads every Go file, whatever its build tags.
var parse = sync.OnceValues(func() (all []*source, err error) {
	names, err := walk()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if path.Ext(name) != ".go" || strings.Contains(name, "/testdata/") {
			continue
		}
		s := &source{path: name, fset: token.NewFileSet()}
		if s.text, err = os.ReadFile(filepath.FromSlash(name)); err != nil {
			return nil, err
		}
		if s.ast, err = parser.ParseFile(s.fset, name, s.text, parser.ParseComments); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
})

func files(t *testing.T) []string {
	t.Helper()
	all, err := walk()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sources(t *testing.T) []*source {
	t.Helper()
	all, err := parse()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("found %d Go files only: the walk is wrong", len(all))
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// within reports whether a path is one of those folders or below it.
func within(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return name == f || strings.HasPrefix(name, f+"/")
	})
}

// importRule is a row of the table of imports.
type importRule struct {
	folders     []string // FOLDER, or FOLDER/... with all below
	own, others []string // what they may import
	used        map[string]bool
}

func importRules(t *testing.T) []*importRule {
	var rules []*importRule
	for _, row := range tableUnder(t, "ARCHITECTURE.md", "## Who imports whom") {
		rules = append(rules, &importRule{
			folders: codeSpans(row[0]), own: codeSpans(row[1]), others: codeSpans(row[2]), used: make(map[string]bool),
		})
	}
	return rules
}

// matches reports whether a path is that pattern, or below it where it ends with "...".
func matches(name, pattern string) bool {
	folder, below := strings.CutSuffix(pattern, "/...")
	return name == folder || below && within(name, []string{folder})
}

func ruleFor(rules []*importRule, folder string) *importRule {
	for _, r := range rules {
		if slices.ContainsFunc(r.folders, func(p string) bool { return matches(folder, p) }) {
			return r
		}
	}
	return nil
}

// allows reports whether the rule allows an import, and remembers that it was used.
func (r *importRule) allows(imported string) bool {
	if own, ok := strings.CutPrefix(imported, modulePath+"/"); ok {
		i := slices.IndexFunc(r.own, func(p string) bool { return matches(own, p) })
		if i >= 0 {
			r.used[r.own[i]] = true
		}
		return i >= 0
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	i := slices.IndexFunc(r.others, func(module string) bool { return within(imported, []string{module}) })
	if i >= 0 {
		r.used[r.others[i]] = true
	}
	return i >= 0
}

func TestPackagesImportWhatTheTableAllowsAndNoMore(t *testing.T) {
	rules := importRules(t)
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		rule := ruleFor(rules, s.folder())
		if rule == nil {
			t.Errorf("%s: the package is not in the table of ARCHITECTURE.md, \"Who imports whom\"", s.path)
			continue
		}
		for _, imported := range s.imports() {
			if !rule.allows(imported) {
				t.Errorf("%s imports %s, which the table of ARCHITECTURE.md does not allow", s.path, imported)
			}
		}
	}
	for _, rule := range rules {
		for _, permission := range slices.Concat(rule.own, rule.others) {
			if !rule.used[permission] {
				t.Errorf("ARCHITECTURE.md allows %s to import %s, which it does not do", rule.folders[0], permission)
			}
		}
	}
}

func TestModulesStayInTheirPlaceAlsoInTests(t *testing.T) {
	all := sources(t)
	for _, row := range tableUnder(t, "ARCHITECTURE.md", "### Kept in one place") {
		module, places := codeSpans(row[0])[0], codeSpans(row[1])
		found := false
		for _, s := range all {
			for _, imported := range s.imports() {
				if !within(imported, []string{module}) {
					continue
				}
				found = true
				if !within(s.folder(), places) {
					t.Errorf("%s imports %s, which belongs in %s", s.path, imported, strings.Join(places, ", "))
				}
			}
		}
		if !found {
			t.Errorf("ARCHITECTURE.md speaks of %s, which nobody imports", module)
		}
	}
}

func TestEveryPackageSaysWhatItDoes(t *testing.T) {
	documented := make(map[string]bool)
	packages := make(map[string]bool)
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		packages[s.folder()] = true
		name := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			name = "Command " + path.Base(s.folder()) + " "
		}
		if strings.HasPrefix(s.ast.Doc.Text(), name) {
			documented[s.folder()] = true
		}
	}
	for folder := range packages {
		if !documented[folder] {
			t.Errorf("%s has no comment that begins with \"Package NAME\" or \"Command NAME\"", folder)
		}
	}
}

func TestEveryFileNamesItsLicenceFirst(t *testing.T) {
	for _, name := range files(t) {
		switch path.Ext(name) {
		case ".go", ".c", ".h":
		default:
			continue
		}
		want := "Apache-2.0"
		switch {
		case strings.HasPrefix(name, "bpf/") && path.Ext(name) != ".go":
			want = "GPL-2.0 OR BSD-2-Clause"
		case strings.HasPrefix(name, "plugin/"):
			want = "GPL-2.0-only"
		}
		head := bytes.SplitN(read(t, name), []byte("\n"), 4)
		text := string(bytes.Join(head[:min(3, len(head))], []byte("\n")))
		if strings.HasPrefix(text, "// Code generated ") {
			continue
		}
		_, got, _ := strings.Cut(text, "SPDX-License-Identifier: ")
		got, _, _ = strings.Cut(got, "\n")
		if got = strings.TrimSuffix(got, " */"); got != want {
			t.Errorf("%s: SPDX-License-Identifier is %q in the first lines, want %q", name, got, want)
		}
	}
}

// Files should fit on a few screens and functions on one; tests and generated
// code are free.
const (
	mostFileLines     = 600
	mostFunctionLines = 100
	usualFunction     = 60 // lines, for 95 of 100 functions
	usualFile         = 150
)

func TestFilesAndFunctionsAreOfReadableSize(t *testing.T) {
	var fileLines, functionLines []int
	for _, s := range sources(t) {
		if s.isTest() || s.generated() {
			continue
		}
		fileLines = append(fileLines, s.lines())
		if s.lines() > mostFileLines {
			t.Errorf("%s has %d lines, want at most %d", s.path, s.lines(), mostFileLines)
		}
		for _, decl := range s.ast.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
			functionLines = append(functionLines, n)
			if n > mostFunctionLines {
				t.Errorf("%s: %s has %d lines, want at most %d", s.path, f.Name.Name, n, mostFunctionLines)
			}
		}
	}
	slices.Sort(fileLines)
	slices.Sort(functionLines)
	if median := fileLines[len(fileLines)/2]; median > usualFile {
		t.Errorf("half of the files have more than %d lines, want at most %d", median, usualFile)
	}
	if n := functionLines[len(functionLines)*95/100]; n > usualFunction {
		t.Errorf("of 100 functions 5 have more than %d lines, want at most %d", n, usualFunction)
	}
}

// The repository stands alone: it is built and read on machines other than the
// one it was written on.
func TestNoFileSpeaksOfTheMachineItWasWrittenOn(t *testing.T) {
	private := regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(root|work)/|\.\./` + `shared\b`)
	for _, name := range files(t) {
		text := read(t, name)
		if bytes.IndexByte(text, 0) >= 0 && path.Ext(name) != ".o" {
			continue
		}
		if path.Ext(name) == ".o" {
			for _, folder := range []string{"/ro" + "ot/", "/wo" + "rk/"} {
				if bytes.Contains(text, []byte(folder)) {
					t.Errorf("%s holds a path below %s", name, folder)
				}
			}
			continue
		}
		if found := private.Find(text); found != nil {
			t.Errorf("%s speaks of %q", name, found)
		}
	}
}

func exists(name string) bool {
	_, err := os.Stat(filepath.FromSlash(name))
	return !errors.Is(err, fs.ErrNotExist)
}

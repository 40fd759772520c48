// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	bpf "github.com/spanbridge/spanbridge/probes"
)

// tellers are the files in which reasons and details are told that come into a report.
var tellers = []string{
	"../*.go", "../*/*.go", "../../cmd/spanbridge/compare_*.go",
}

// silent are those among them whose errors end the program, or go elsewhere, so that no report tells of them.
var silent = []string{
	"../cost/run.go", "../cost/blocks.go", "../cost/host.go", "../cost/logs.go", "../cost/meter.go", "../cost/method.go", "../experiment/", "../interval/", "../load/", "../report/", "../settings/",
	"../logfile/logtest/", "../perfschema/digest.go", "../perfschema/locks.go", "../perfschema/watch.go", "../telemetry/intake.go",
	"spanbridge/compare_choose.go", "spanbridge/compare_report.go", "spanbridge/compare_setup.go",
}

// toldInEnglish is what is said in English, by the key that another language has for it, with where it is said.
func toldInEnglish(t *testing.T) map[string]string {
	found := make(map[string]string)
	for _, pattern := range tellers {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			within := func(part string) bool { return strings.Contains(path, part) }
			if strings.HasSuffix(path, "_test.go") || slices.ContainsFunc(silent, within) {
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if n != nil {
					for _, key := range said(n) {
						found[key] = files.Position(n.Pos()).String()
					}
				}
				return true
			})
		}
	}
	if len(found) < 100 {
		t.Fatalf("found %d texts only", len(found))
	}
	return found
}

// said are the keys of what a part of a program says.
func said(n ast.Node) (keys []string) {
	add := func(prefix string, e ast.Expr) {
		if text := templateOf(e); placeOf.ReplaceAllString(text, "") != "" {
			keys = append(keys, prefix+text)
		}
	}
	switch n := n.(type) {
	case *ast.CallExpr: // of an error, or of a list of reasons
		switch name := nameOfCall(n.Fun); {
		case slices.Contains([]string{"errors.New", "fmt.Errorf"}, name):
			add("reason.", n.Args[0])
		case name == "append" && nameOfCall(n.Args[0]) == "why":
			add("reason.", n.Args[1])
		}
	case *ast.KeyValueExpr:
		if slices.Contains([]string{"What", "Mend", "Why", "lacks"}, nameOfCall(n.Key)) {
			add("reason.", n.Value)
		}
	case *ast.CompositeLit:
		if nameOfCall(n.Type) == "Missing" && len(n.Elts) > 2 {
			add("reason.", n.Elts[0])
			add("reason.", n.Elts[1])
		}
	case *ast.AssignStmt:
		if strings.HasSuffix(nameOfCall(n.Lhs[0]), ".lacks") {
			add("reason.", n.Rhs[0])
		}
	case *ast.ValueSpec: // constants, and what happens on the way of a statement
		for i, name := range n.Names {
			if prefix := prefixOf(name.Name); prefix != "" && i < len(n.Values) {
				ast.Inspect(n.Values[i], func(n ast.Node) bool {
					if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						add(prefix, literal)
					}
					return true
				})
			}
		}
	case *ast.FuncDecl: // that returns why, or how
		prefix, called := "reason.", n.Name.Name == "elsewhere" || n.Name.Name == "startWith"
		if n.Name.Name == "begin" {
			prefix, called = "detail.", true
		}
		if !called {
			return nil
		}
		ast.Inspect(n, func(n ast.Node) bool {
			if back, ok := n.(*ast.ReturnStmt); ok && len(back.Results) > 0 {
				add(prefix, back.Results[0])
			}
			return true
		})
	}
	return keys
}

// prefixOf is where a constant or a table is to be found.
func prefixOf(name string) string {
	switch {
	case strings.HasPrefix(name, "Why"), strings.HasPrefix(name, "Reason"):
		return "reason."
	case strings.HasPrefix(name, "Point"), name == "begins", name == "ends", name == "answers":
		return "step."
	case strings.HasPrefix(name, "Trait"):
		return "trait."
	}
	return ""
}

func nameOfCall(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOfCall(e.X) + "." + e.Sel.Name
	}
	return ""
}

var verb = regexp.MustCompile(`%[-+#0-9.]*[a-z]`)

// templateOf is what an expression says, with a place {x} for what is not known.
func templateOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return verb.ReplaceAllString(text, "{x}")
		}
	case *ast.BinaryExpr:
		return templateOf(e.X) + templateOf(e.Y)
	case *ast.CallExpr:
		if name := nameOfCall(e.Fun); name == "fmt.Sprintf" {
			return templateOf(e.Args[0])
		}
	}
	return "{x}"
}

// statement is SQL, which is the same in all languages.
var statement = regexp.MustCompile(`^(UPDATE|SET GLOBAL) .*`)

// TestWhatIsToldInEnglishIsSaidInEveryLanguage takes each sentence from where it is made, with anything in its places.
func TestWhatIsToldInEnglishIsSaidInEveryLanguage(t *testing.T) {
	all := toldInEnglish(t)
	for _, lang := range Languages()[1:] {
		w := saidIn(t, lang)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			prefix, text, _ := strings.Cut(key, ".")
			for part := range strings.SplitSeq(text, ": ") { // which may each be joined with others
				part = placeOf.ReplaceAllString(part, "7")
				got := w.known(prefix+"."+part, part)
				switch prefix {
				case "reason":
					got = w.reason(part)
				case "detail":
					got = w.detail(part)
				}
				if English(statement.ReplaceAllString(got, "")) != "" {
					t.Errorf("compare/report/words/%s.txt lacks a line \"%s.%s = …\", of %s", lang, prefix, part, all[key])
				}
			}
		}
	}
}

// What the system and the probes say comes behind what was tried.
func TestErrorsAreSaidInEveryLanguage(t *testing.T) {
	file := func(op string, err syscall.Errno) error {
		return &fs.PathError{Op: op, Path: "/var/log/mysql/slow.log", Err: err}
	}
	dial := func(op, network, call string, err syscall.Errno) error {
		return &net.OpError{Op: op, Net: network, Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4318}, Err: os.NewSyscallError(call, err)}
	}
	for _, lang := range Languages()[1:] {
		w := saidIn(t, lang)
		for _, err := range []error{
			file("open", syscall.EACCES), file("open", syscall.EPERM), file("stat", syscall.ENOENT), file("open", syscall.EISDIR), file("open", syscall.ENOSPC),
			dial("dial", "tcp", "connect", syscall.ECONNREFUSED), dial("listen", "tcp", "bind", syscall.EADDRINUSE),
			context.DeadlineExceeded, bpf.ErrPrivilege, bpf.ErrKernel,
			fmt.Errorf("follow a log: %w: run as root", file("open", syscall.EACCES)),
		} {
			got := w.reason(err.Error())
			if found := English(got); found != "" {
				t.Errorf("%s: %q is left in %q", lang, found, got)
			}
		}
	}
}

func TestReasonsAreSaidPartByPart(t *testing.T) {
	ja := saidIn(t, "ja")
	for english, want := range map[string]string{
		"general_log is OFF, log_output is TABLE: --setup changes that for the time, or: SET GLOBAL general_log = 'ON'; SET GLOBAL log_output = 'FILE'": "general_logがOFF、log_outputがTABLE：--setupで一時的に変更できます。手動で変更するには：SET GLOBAL general_log = 'ON'; SET GLOBAL log_output = 'FILE'",
		"damaged lines in the log or sampled by log_slow_rate_limit":                                                                                    "ログの行が壊れているため、log_slow_rate_limitによる抽出のため",
		"read Performance Schema: Error 1142 (42000): SELECT command denied":                                                                            "Performance Schemaの読み取りに失敗：Error 1142 (42000): SELECT command denied",
		"a sentence that nobody has translated":                                                                                                         "a sentence that nobody has translated",
		"":                                                                                                                                              "",
	} {
		if got := ja.reason(english); got != want {
			t.Errorf("%q is said as %q, want %q", english, got, want)
		}
	}
}

// A text from outside may be as long as it is allowed to be, and full of what parts reasons.
func TestReasonsTakeNoLongerThanTheyAreLong(t *testing.T) {
	ja := saidIn(t, "ja")
	for _, part := range []string{": ", ", ", " or ", "follow a log: ", "open : ", "start "} {
		text := strings.Repeat(part, mostColumns/len(part))
		if began := time.Now(); ja.reason(text) == "" || time.Since(began) > 5*time.Second {
			t.Errorf("%q… took %v", part, time.Since(began))
		}
	}
}

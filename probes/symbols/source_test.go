// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	debugPath = "/usr/lib/debug/.build-id/12/345678.debug"
	nmPath    = "/doc/server.sym.gz"
)

// nm writes the exported functions of a program as nm does, and other lines.
func nm(p *program, lines ...string) []byte {
	var b strings.Builder
	for _, s := range p.exported {
		fmt.Fprintf(&b, "%016x T %s\n", code+s.address, s.name)
	}
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

func packed(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestADebugFileOfTheSameBuildIsUsed(t *testing.T) {
	p := many(3)
	root := system(t.TempDir())
	root.write(t, debugPath, (&program{buildID: p.buildID, all: []sym{{name: "lock_wait", address: 0x10, local: true}}}).build())
	got, err := root.table(t, p, Options{}).Function("lock_wait")
	if err != nil || got.Address != code+0x10 || got.Source != debugPath {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestADebugFileOfAnotherBuildIsRefused(t *testing.T) {
	root := system(t.TempDir())
	root.write(t, debugPath, (&program{buildID: "other", all: []sym{{name: "lock_wait", address: 0x10}}}).build())
	_, err := root.table(t, many(3), Options{}).Function("lock_wait")
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "does not belong to this file") {
		t.Error(err)
	}
}

func TestALinkedDebugFileIsUsedIfItsChecksumIsRight(t *testing.T) {
	debug := (&program{all: []sym{{name: "lock_wait", address: 0x10}}}).build()
	for _, path := range []string{"/usr/sbin/server.debug", "/usr/sbin/.debug/server.debug", "/usr/lib/debug/usr/sbin/server.debug"} {
		p := many(3)
		p.link, p.crc = "server.debug", crc32.ChecksumIEEE(debug)
		root := system(t.TempDir())
		root.write(t, path, debug)
		if got, err := root.table(t, p, Options{}).Function("lock_wait"); err != nil || got.Source != path {
			t.Errorf("%s: got %v, %v", path, got, err)
		}
		p.crc++
		root = system(t.TempDir())
		root.write(t, path, debug)
		if _, err := root.table(t, p, Options{}).Function("lock_wait"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "its checksum is") {
			t.Errorf("%s: wrong checksum: %v", path, err)
		}
	}
}

func TestASymbolFileOfThisFileIsUsed(t *testing.T) {
	p := many(100)
	text := nm(p,
		fmt.Sprintf("%016x t lock_wait", code+0x3000), fmt.Sprintf("%016x t after", code+0x3040),
		fmt.Sprintf("%016x t broken.part.0", code+0x3050),
		fmt.Sprintf("%016x d counter", data+0x10), fmt.Sprintf("%016x b thread_local", 0x10),
		"                 U malloc@GLIBC_2.2.5", "", "nonsense", strings.Repeat("x", 3*maxNMLine))
	for name, content := range map[string][]byte{"packed": packed(t, text), "plain": text} {
		t.Run(name, func(t *testing.T) {
			root := system(t.TempDir())
			root.write(t, nmPath, content)
			table := root.table(t, p, Options{SymbolFiles: []string{nmPath}})
			got, err := table.Function("lock_wait")
			if want := (Symbol{"lock_wait", code + 0x3000, 0x40, nmPath}); err != nil || got != want {
				t.Errorf("got %v, %v", got, err)
			}
			if got, err := table.Object("counter"); err != nil || got.Address != data+0x10 {
				t.Errorf("got %v, %v", got, err)
			}
			if got, err := table.Object("thread_local"); !errors.Is(err, ErrNotFound) {
				t.Errorf("an offset was taken for an address: %v, %v", got, err)
			}
			if _, err := table.Function("broken"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "only broken.part.0") {
				t.Errorf("clone: %v", err)
			}
		})
	}
}

func TestASymbolFileIsRefusedUnlessItIsProvedToBeOfThisFile(t *testing.T) {
	p := many(100)
	wanted := fmt.Sprintf("%016x t lock_wait", code+0x3000)
	moved := many(100)
	moved.exported[99].address++
	fewer := many(94)
	other := many(100)
	for i := range other.exported {
		other.exported[i].name += "x"
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"one symbol has moved":     {nm(moved, wanted), "1 of 100 exported symbols have another address, such as _Z8functioni99"},
		"too many are missing":     {nm(fewer, wanted), "it has 94 of 100 exported symbols"},
		"another program":          {nm(other, wanted), "it has 0 of 100 exported symbols"},
		"names that are repeated":  {append(bytes.Repeat(nm(many(1)), 100), wanted...), "it has 1 of 100"},
		"empty":                    {nil, "it has 0 of 100"},
		"cut":                      {packed(t, nm(p, wanted))[:200], "unexpected EOF"},
		"unpacks to far too much":  {packed(t, bytes.Repeat([]byte{'\n'}, maxNMBytes+1)), "above the limit"},
		"has far too many lines":   {packed(t, bytes.Repeat([]byte("0000000000000000 t x\n"), maxNMLines+1)), "above the limit"},
		"is one line without end":  {packed(t, bytes.Repeat([]byte("x"), maxNMBytes+1)), "above the limit"},
		"is not packed as it says": {append([]byte{0x1f, 0x8b}, nm(p, wanted)...), "unpack symbol file"},
	} {
		t.Run(name, func(t *testing.T) {
			root := system(t.TempDir())
			root.write(t, nmPath, c.content)
			got, err := root.table(t, p, Options{SymbolFiles: []string{nmPath}}).Function("lock_wait")
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestASmallProgramHasNoSymbolFile(t *testing.T) {
	p := many(minProof - 1)
	root := system(t.TempDir())
	root.write(t, nmPath, nm(p, fmt.Sprintf("%016x t lock_wait", code+0x3000)))
	if got, err := root.table(t, p, Options{SymbolFiles: []string{nmPath}}).Function("lock_wait"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWhatIsNoRegularFileIsNotRead(t *testing.T) {
	root := system(t.TempDir())
	if err := os.MkdirAll(filepath.Join(string(root), nmPath), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := root.table(t, many(3), Options{SymbolFiles: []string{nmPath}}).Function("lock_wait")
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

func TestExpectedNamesAreSearchedForAtOnce(t *testing.T) {
	p := many(100)
	root := system(t.TempDir())
	root.write(t, nmPath, nm(p, fmt.Sprintf("%016x t lock_wait", code+0x3000), fmt.Sprintf("%016x t commit", code+0x3010)))
	table := root.table(t, p, Options{SymbolFiles: []string{nmPath}, Expect: []string{"commit", "nothing", "_Z8functioni1"}})
	if _, err := table.Function("lock_wait"); err != nil {
		t.Fatal(err)
	}
	table.opts.Open = func(path string) (*os.File, error) { return nil, errors.New("opened again: " + path) }
	if got, err := table.Function("commit"); err != nil || got.Address != code+0x3010 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := table.Function("nothing"); err == nil || strings.Contains(err.Error(), "opened again") {
		t.Error(err)
	}
}

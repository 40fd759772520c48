// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/probes/elffile"
)

// FuzzTable checks that damaged files cost little, and that what is found lies
// in the file.
func FuzzTable(f *testing.F) {
	exported := []sym{{name: "a", address: 8}, {name: "b", address: 16}, {name: "c", address: 24}}
	for _, p := range []*program{
		{exported: exported, buildID: "id", link: "x", versions: true}, {exported: exported, sysV: true},
		{exported: exported, noHash: true}, {all: exported},
	} {
		f.Add(p.build(), "a", uint16(0), byte(0))
		f.Add(p.build(), "d", uint16(300), byte(0xff))
	}
	f.Fuzz(func(t *testing.T, raw []byte, name string, at uint16, flip byte) {
		if int(at) < len(raw) {
			raw[at] ^= flip
		}
		begin := time.Now()
		file := &counting{ReaderAt: bytes.NewReader(raw)}
		table, err := Open(file, Options{Expect: []string{"b", "c"}})
		if err != nil {
			return
		}
		got, err := table.Function(name)
		if err == nil && (got.Name != name || !table.image.isCode(got.Address)) {
			t.Errorf("found %v", got)
		}
		table.BuildID()
		n := 0
		_ = table.Functions(func(Symbol) bool { n++; return n < 1000 }) // damage may be told
		if file.calls > 20*maxChain {
			t.Errorf("%d reads", file.calls)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// FuzzNM checks that any text is read to its end, and that lines are what they
// say.
func FuzzNM(f *testing.F) {
	f.Add([]byte("0000000000732c30 T _Z16dispatch_command\n                 U malloc\n0000000000732c31 t x.cold\n"))
	f.Add([]byte("\n\n \x00"))
	f.Add([]byte{0x1f, 0x8b, 8})
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "nm")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		s := &source{file: file, stamp: stamp{Size: int64(len(text))}}
		names := elffile.NewNames([]string{"x", "_Z16dispatch_command"})
		err = s.lines(func(l *nmLine) error {
			if len(l.name) == 0 || bytes.ContainsAny(l.name, "\n@") {
				t.Errorf("name %q", l.name)
			}
			if name, suffix, ok := names.Match(l.name); ok && name+suffix != string(l.name) {
				t.Errorf("%q is %q and %q", l.name, name, suffix)
			}
			return nil
		})
		if err != nil && !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("plain text: %v", err)
		}
	})
}

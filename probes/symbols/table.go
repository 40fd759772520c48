// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spanbridge/spanbridge/probes/calls"
	"github.com/spanbridge/spanbridge/probes/elffile"
)

// Opener opens a file of the system that the executable belongs to, such as
// the mount namespace of a process. It must not wait on what is no regular
// file. The package closes the result.
type Opener func(path string) (*os.File, error)

// Options say where to look beside the file itself. The zero value looks
// nowhere else and keeps nothing.
type Options struct {
	// Path is where the file is, as Open sees it: the debug file that
	// .gnu_debuglink names is looked for beside it. "" if it is not known.
	Path string
	// Open opens debug and symbol files. Nil: there are none.
	Open Opener
	// SymbolFiles are paths of output of nm, compressed by gzip or plain. See
	// [SymbolFiles].
	SymbolFiles []string
	// CacheDir is the folder, of the user's own, in which results of searches
	// are kept. It is made when it is needed. "": nothing is kept.
	CacheDir string
	// Expect are names that will be asked for. They are looked for together;
	// a name that is not among them can cost a search of its own.
	Expect []string
}

// SymbolFiles returns where distributions put the output of nm for an
// executable of that path: Debian's package mariadb-server does, in Debian 11 with
// its version in the name.
func SymbolFiles(path string) []string {
	if filepath.Base(path) == "mariadbd" {
		return []string{
			"/usr/share/doc/mariadb-server/mariadbd.sym.gz",
			"/usr/share/doc/mariadb-server-10.5/mariadbd.sym.gz",
		}
	}
	return nil
}

// Table finds symbols of one file. It reads the file whenever it is asked, and
// neither owns nor closes it. It is not safe for concurrent use.
type Table struct {
	image   *image
	opts    Options
	dynamic *dynamic // nil: the file has none, or dynamicErr
	// dynamicErr is why the loader's table cannot be asked.
	dynamicErr error

	expected map[string]bool
	known    map[string]*finding // what searches found
	searched []string            // by the last search of all sources
	lacking  []string
	calls    map[uint64]*calls.Result // by the address of the function
	cache    *cache                   // nil before the first search
}

// Open reads the headers of the file. Errors wrap [elffile.ErrNotELF],
// [elffile.ErrUnsupported] or [elffile.ErrLimit] where that is the cause.
func Open(file io.ReaderAt, opts Options) (*Table, error) {
	f, err := elffile.Open(file)
	if err != nil {
		return nil, err
	}
	return New(file, f, opts), nil
}

// New is Open for a file whose headers elffile.Open has read.
func New(file io.ReaderAt, f *elf.File, opts Options) *Table {
	t := &Table{image: &image{file: file, elf: f}, opts: opts, known: make(map[string]*finding),
		expected: make(map[string]bool), calls: make(map[uint64]*calls.Result)}
	t.Expect(opts.Expect...)
	t.dynamic, t.dynamicErr = readDynamic(t.image)
	if t.dynamic != nil && t.dynamic.gnuHash == 0 && t.dynamic.sysVHash == 0 {
		t.dynamicErr = errNoHash
	}
	return t
}

// BuildID returns the GNU build id in hexadecimal, "" if the file has none.
func (t *Table) BuildID() string { return t.image.buildID() }

// Expect adds to the names that are looked for together; see [Options].
func (t *Table) Expect(names ...string) {
	for _, name := range names {
		t.expected[name] = true
	}
}

// Function returns the function of exactly that name. Its address is in an
// executable segment. Errors wrap [ErrNotFound] (a [*NotFoundError]) or
// [ErrRefused].
func (t *Table) Function(name string) (Symbol, error) {
	return t.find(name, "function", func(f *finding) *place { return f.Function })
}

// Object returns the variable of exactly that name. Errors are those of
// [Table.Function].
func (t *Table) Object(name string) (Symbol, error) {
	return t.find(name, "variable", func(f *finding) *place { return f.Object })
}

func (t *Table) find(name, kind string, pick func(*finding) *place) (Symbol, error) {
	f := t.exported(name)
	if f == nil {
		f = t.search(name)
	}
	p := pick(f)
	switch {
	case p != nil && p.Several:
		return Symbol{}, &refusedError{kind, name, "several local symbols with this name"}
	case p != nil:
		return Symbol{Name: name, Address: p.Address, Size: p.Size, Source: p.Source}, nil
	case f.Function != nil:
		return Symbol{}, &refusedError{kind, name, "a function"}
	case f.Object != nil:
		return Symbol{}, &refusedError{kind, name, "a variable"}
	case f.Refused != "":
		return Symbol{}, &refusedError{kind, name, f.Refused}
	}
	return Symbol{}, &NotFoundError{
		Kind: kind, Name: name, Clones: f.Clones,
		Searched: append(t.asked(), t.searched...), Lacking: t.lacking,
	}
}

// exported asks the loader's table. It is nil where that does not know the
// name.
func (t *Table) exported(name string) *finding {
	if t.dynamic == nil || t.dynamicErr != nil {
		return nil
	}
	e, err := t.dynamic.lookup(name)
	if err != nil {
		// A damaged table is left aside: a search reads the symbols alone.
		t.dynamicErr = err
		return nil
	}
	if e == nil {
		return nil
	}
	f := &finding{}
	t.take(f, e, dynsym)
	if f.empty() {
		return nil
	}
	return f
}

// asked names the loader's table if it was asked.
func (t *Table) asked() []string {
	if t.dynamic == nil || t.dynamicErr != nil {
		return nil
	}
	return []string{dynsym}
}

// take adds an entry to what is known of its name, unless its address cannot
// be right.
func (t *Table) take(f *finding, e *elffile.Entry, source string) {
	if e.Suffix == "" {
		switch e.Kind() {
		case elf.STT_FUNC, elf.STT_GNU_IFUNC:
			if !t.image.isCode(e.Value) {
				return
			}
		case elf.STT_OBJECT:
			if !t.image.isData(e.Value, 0) {
				return
			}
		}
	}
	f.add(e, source)
}

func lack(source string, err error) string {
	if errors.Is(err, os.ErrNotExist) {
		return "no " + source
	}
	return fmt.Sprintf("%s: %v", source, err)
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"bytes"
	"errors"
	"io"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// later compiles what the notes and the end of an operation would capture from what
// the start has captured, and by paths that begin there, to be read while it is open.
// What an operation comes to is not known yet, and nothing is missing that is left out.
func later(probe *catalog.Probe, at *place) (all []bpf.ProgramsCapture) {
	known := *probe
	known.Args = nil
	p := *at
	p.missing, p.had = make(map[string]string), make(map[string]bool)
	for _, c := range probe.Captures {
		switch c.Name {
		case p.roles.Failed, p.roles.Error, p.roles.SQLState, p.roles.Message:
			continue
		}
		if c.Path == "" && c.Captured == "" || c.If != "" {
			continue
		}
		compiled, err := p.capture(&known, c)
		if err == nil && compiled.Arg.Kind == argSaved {
			all = append(all, compiled)
		}
	}
	return all
}

// walker reads values from the memory of a process as the kernel side would
// (bpf/args.bpf.h, bpf/capture.bpf.h). Whatever is in that memory, it reads no more
// than the captures allow: what cannot be read is not told.
type walker struct {
	memory   io.ReaderAt
	textHead int
	noText   bool // the text in memory is another one's
}

var errUnknown = errors.New("not known")

// complete adds to the record of an open operation what it lacks.
func (w *walker) complete(r *bridge.Record, captures []bpf.ProgramsCapture) {
	for i := range captures {
		c := &captures[i]
		switch c.Type {
		case captureInt:
			w.integer(r, c)
		case captureString:
			w.text(r, c)
		case captureText:
			w.statement(r, c)
		}
	}
}

func (w *walker) integer(r *bridge.Record, c *bpf.ProgramsCapture) {
	slot := &r.Values[c.Slot%bridge.MaxValues]
	if *slot != 0 {
		return
	}
	value, err := w.value(&c.Arg, &r.Values)
	if err != nil {
		return
	}
	if c.Flags&captureEquals != 0 {
		value = uint64(bit(value == uint64(c.Max)))
	}
	*slot = value
}

func (w *walker) text(r *bridge.Record, c *bpf.ProgramsCapture) {
	if int(c.Slot) >= len(r.Strings) || len(r.Strings[c.Slot]) > 0 {
		return
	}
	address, err := w.value(&c.Arg, &r.Values)
	if err != nil || address == 0 {
		return
	}
	size := int(c.Max)
	if size < 1 || size > bpf.MaxString {
		size = bpf.MaxString
	}
	text, _ := w.terminated(address, size-1)
	r.Strings[c.Slot] = text
}

func (w *walker) statement(r *bridge.Record, c *bpf.ProgramsCapture) {
	if r.Flags&bridge.FlagHasText != 0 || w.noText {
		return
	}
	address, err := w.value(&c.Arg, &r.Values)
	if err != nil || address == 0 {
		return
	}
	if c.Length.Kind == argNone {
		text, whole := w.terminated(address, w.textHead)
		w.enter(r, text, whole)
		return
	}
	length, err := w.value(&c.Length, &r.Values)
	if err != nil || length == 0 || length>>32 != 0 {
		return
	}
	text := make([]byte, min(length, uint64(w.textHead)))
	if n, _ := w.memory.ReadAt(text, int64(address)); n < len(text) {
		return
	}
	w.enter(r, text, uint64(len(text)) == length)
	r.TextLength = length
}

func (w *walker) enter(r *bridge.Record, text []byte, whole bool) {
	if len(text) == 0 {
		return
	}
	r.Text, r.Tail, r.TextLength = text, nil, 0
	r.Flags = r.Flags&^bridge.FlagNoText | bridge.FlagHasText
	if !whole {
		r.Flags |= bridge.FlagTextCut
	}
}

// terminated reads a text up to its NUL, and reports whether that is there.
func (w *walker) terminated(address uint64, limit int) (text []byte, whole bool) {
	text = make([]byte, limit+1)
	n, _ := w.memory.ReadAt(text, int64(address)) // as much as can be read
	text, _, whole = bytes.Cut(text[:n], []byte{0})
	return text[:min(len(text), limit)], whole
}

// value follows an argument from a value that the start has captured.
func (w *walker) value(arg *bpf.ProgramsArg, saved *[bridge.MaxValues]uint64) (uint64, error) {
	if arg.Kind != argSaved {
		return 0, errUnknown
	}
	v := saved[arg.Base%bridge.MaxValues]
	for i := range min(int(arg.Loads), bpf.MaxLoads) {
		if v == 0 {
			return 0, nil
		}
		size := 8
		if i+1 == int(arg.Loads) {
			size = min(max(int(arg.Size), 1), 8)
		}
		var word [8]byte
		if n, _ := w.memory.ReadAt(word[:size], int64(v+uint64(int64(arg.Offsets[i])))); n < size {
			return 0, errUnknown
		}
		v = nativeUint64(word[:])
	}
	v = extend(v, arg.Size, arg.IsSigned != 0)
	if v != 0 {
		v += uint64(int64(arg.Add))
	}
	return v, nil
}

// extend takes the lower bytes of a value, as numbers with a sign or without.
func extend(v uint64, size uint8, signed bool) uint64 {
	if size < 1 || size >= 8 {
		return v
	}
	shift := 64 - 8*uint(size)
	if signed {
		return uint64(int64(v<<shift) >> shift)
	}
	return v << shift >> shift
}

// SPDX-License-Identifier: Apache-2.0

package tracefs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Event is a tracepoint.
type Event struct {
	Category, Name string
	ID             uint64 // for perf_event_open(2)
	Fields         []Field
}

// Field is where a value is in the record of a tracepoint.
type Field struct {
	Name   string
	Type   string // as the kernel writes it in C
	Offset int
	Size   int // in the record
	Signed bool
	Array  int // elements, 0 if it is no array
	// Dynamic is a string whose place in the record the field tells, relative to
	// the record, or to the field's own end.
	Dynamic, Relative bool
}

// Find returns the field of that name, or nil.
func (e *Event) Find(name string) *Field {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return &e.Fields[i]
		}
	}
	return nil
}

// Pointer reports whether the value is an address.
func (f *Field) Pointer() bool { return f.Array == 0 && strings.Contains(f.Type, "*") }

// Text reports whether the value is a string in the record itself.
func (f *Field) Text() bool {
	return (f.Dynamic || f.Array > 0) && strings.HasPrefix(f.Type, "char")
}

// Limits of a format.
const (
	maxFields = 256
	maxRecord = 1 << 16 // PERF_MAX_TRACE_SIZE is 8 KiB
)

// parseFormat reads the file "format" of a tracepoint (event_define_fields and
// f_show of kernel/trace/trace_events.c). Fields that all tracepoints have are
// left out: where they lie there is something else for eBPF programs.
func parseFormat(text []byte) (*Event, error) {
	e := &Event{}
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		if id, ok := strings.CutPrefix(s, "ID:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(id), 10, 32)
			if err != nil {
				return nil, fmt.Errorf("invalid number %q", id)
			}
			e.ID = n
		}
		if !strings.HasPrefix(s, "field:") {
			continue
		}
		f, err := parseField(s)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(f.Name, "common_") {
			continue
		}
		if e.Fields = append(e.Fields, f); len(e.Fields) > maxFields {
			return nil, fmt.Errorf("more than %d fields", maxFields)
		}
	}
	if e.ID == 0 {
		return nil, errors.New("it has no number")
	}
	return e, nil
}

// parseField reads a line such as
//
//	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
func parseField(line string) (f Field, err error) {
	values := make(map[string]string)
	for part := range strings.SplitSeq(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		if values[key] == "" {
			values[key] = strings.TrimSpace(value)
		}
	}
	declaration := values["field"]
	f.Type, f.Dynamic = strings.CutPrefix(declaration, "__data_loc ")
	if !f.Dynamic {
		f.Type, f.Relative = strings.CutPrefix(declaration, "__rel_loc ")
		f.Dynamic = f.Relative
	}
	// NAME stands last, with the size of an array behind it: char comm[16].
	body := f.Type
	if open := strings.IndexByte(body, '['); open >= 0 && !f.Dynamic {
		n, err := strconv.ParseUint(strings.TrimSuffix(body[open+1:], "]"), 10, 31)
		if err != nil || n == 0 || n > maxRecord {
			return f, fmt.Errorf("invalid array %q", declaration)
		}
		f.Array, body = int(n), strings.TrimSpace(body[:open])
	}
	space := strings.LastIndexAny(body, " *")
	if space < 0 || space == len(body)-1 {
		return f, fmt.Errorf("invalid field %q", declaration)
	}
	f.Name, f.Type = body[space+1:], strings.TrimSpace(body[:space+1])
	for key, to := range map[string]*int{"offset": &f.Offset, "size": &f.Size} {
		n, err := strconv.ParseUint(values[key], 10, 31)
		if err != nil || n > maxRecord {
			return f, fmt.Errorf("field %s has the %s %q", f.Name, key, values[key])
		}
		*to = int(n)
	}
	f.Signed = values["signed"] == "1"
	return f, nil
}

// SPDX-License-Identifier: Apache-2.0

package tracefs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exampleFormat = `name: example
ID: 315
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:__rel_loc char[] rest;	offset:12;	size:4;	signed:0;
	field:pid_t pid;	offset:16;	size:4;	signed:1;
	field:char comm[16];	offset:20;	size:16;	signed:0;
	field:unsigned long args[6];	offset:40;	size:48;	signed:0;
	field:const char * path;	offset:88;	size:8;	signed:0;
	field:__data_loc cpumask_t[] cpus;	offset:96;	size:4;	signed:0;

print fmt: "filename=%s", __get_str(filename)
`

func TestFormatTellsWhereFieldsAre(t *testing.T) {
	got, err := parseFormat([]byte(exampleFormat))
	if err != nil {
		t.Fatal(err)
	}
	want := &Event{ID: 315, Fields: []Field{
		{Name: "filename", Type: "char[]", Offset: 8, Size: 4, Dynamic: true},
		{Name: "rest", Type: "char[]", Offset: 12, Size: 4, Dynamic: true, Relative: true},
		{Name: "pid", Type: "pid_t", Offset: 16, Size: 4, Signed: true},
		{Name: "comm", Type: "char", Offset: 20, Size: 16, Array: 16},
		{Name: "args", Type: "unsigned long", Offset: 40, Size: 48, Array: 6},
		{Name: "path", Type: "const char *", Offset: 88, Size: 8},
		{Name: "cpus", Type: "cpumask_t[]", Offset: 96, Size: 4, Dynamic: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	texts, pointers := "", ""
	for _, f := range got.Fields {
		if f.Text() {
			texts += f.Name + " "
		}
		if f.Pointer() {
			pointers += f.Name + " "
		}
	}
	if texts != "filename rest comm " || pointers != "path " {
		t.Errorf("texts %s, pointers %s", texts, pointers)
	}
	if got.Find("pid") != &got.Fields[2] || got.Find("common_pid") != nil {
		t.Error("a field is not found, or one that is none")
	}
}

func TestFormatsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                {"", "no number"},
		"a number that is none":  {"ID: x\n", "invalid number"},
		"a field without a name": {"ID: 1\nfield:int;offset:0;size:4;signed:1;\n", `invalid field "int"`},
		"an offset that is none": {"ID: 1\nfield:int a;offset:x;size:4;signed:1;\n", `field a has the offset "x"`},
		"a size beyond a record": {"ID: 1\nfield:int a;offset:0;size:70000;signed:1;\n", `field a has the size "70000"`},
		"an array of nothing":    {"ID: 1\nfield:int a[0];offset:0;size:0;signed:1;\n", "invalid array"},
		"more fields than any":   {"ID: 1\n" + strings.Repeat("field:int a;offset:0;size:4;signed:1;\n", 257), "more than 256 fields"},
	} {
		if e, err := parseFormat([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %+v, %v, want %q", name, e, err, test.want)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte(exampleFormat))
	f.Add([]byte("ID: 1\nfield:a b[;offset:1;size:2;"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := parseFormat(text)
		if err != nil {
			return
		}
		if e.ID == 0 || len(e.Fields) > maxFields {
			t.Fatalf("%+v", e)
		}
		for _, field := range e.Fields {
			if field.Name == "" || field.Offset > maxRecord || field.Size > maxRecord || field.Array < 0 || field.Array > maxRecord ||
				strings.HasPrefix(field.Name, "common_") {
				t.Fatalf("%+v", field)
			}
		}
	})
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"vfs_read", "vfs_read", true}, {"vfs_read", "vfs_readv", false}, {"vfs_*", "vfs_read", true},
		{"*", "", true}, {"*_read", "vfs_read", true}, {"*_read", "vfs_reads", false}, {"v*f*d", "vfs_read", true},
		{"v*f*x", "vfs_read", false}, {"a*a", "a", false}, {"**", "x", true}, {"", "", true}, {"", "x", false},
	} {
		if got := Match(test.pattern, test.name); got != test.want {
			t.Errorf("%q, %q: %v", test.pattern, test.name, got)
		}
	}
}

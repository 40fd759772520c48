// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTarget(t *testing.T) {
	for _, test := range []struct {
		in   string
		want Target
		ok   bool
	}{
		{"mariadbd", Target{Name: "mariadbd"}, true},
		{"4711", Target{PID: 4711}, true},
		{"/usr/sbin/mariadbd", Target{Path: "/usr/sbin/mariadbd"}, true},
		{"/usr/../usr/sbin/mariadbd", Target{Path: "/usr/sbin/mariadbd"}, true},
		{"7zip", Target{Name: "7zip"}, true},
		{"", Target{}, false},
		{"0", Target{}, false},
		{"-1", Target{}, false},
	} {
		got, err := ParseTarget(test.in)
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.in, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.in, diff)
		}
		if again, _ := ParseTarget(got.String()); test.ok && again != got {
			t.Errorf("%q: %q reads back as %v", test.in, got.String(), again)
		}
	}
}

func TestParseContainer(t *testing.T) {
	if got, err := ParseContainer("5a1c0ffee012"); err != nil || got != (Target{Container: "5a1c0ffee012"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "5a1c0", "5A1C0FFEE012", "my-container", strings.Repeat("a", 65)} {
		if got, err := ParseContainer(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestTargetMatchesThisProcess(t *testing.T) {
	self := readProcess(os.Getpid())
	if self == nil {
		t.Fatal("this process is not in /proc")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		target Target
		want   bool
	}{
		{Target{PID: os.Getpid()}, true},
		{Target{PID: os.Getpid() + 1}, false},
		{Target{Name: filepath.Base(exe)}, true},
		{Target{Name: "mariadbd"}, false},
		{Target{Path: exe}, true},
		{Target{Path: exe + "x"}, false},
	} {
		if got := test.target.matches(self); got != test.want {
			t.Errorf("%v: got %v", test.target, got)
		}
	}
	if self.startTick == 0 {
		t.Error("start time is unknown")
	}
}

func TestParseMapping(t *testing.T) {
	const exec = "7f00-7f10 r-xp 00001000 fe:00 1234                       "
	for _, test := range []struct {
		name, line string
		want       mapping
		ok         bool
	}{
		{"library", exec + "/usr/lib/libc.so.6", mapping{"/usr/lib/libc.so.6", "7f00-7f10", 1234}, true},
		{"name with blanks", exec + "/opt/my server/x (1)", mapping{"/opt/my server/x (1)", "7f00-7f10", 1234}, true},
		{"deleted", exec + "/usr/sbin/mysqld (deleted)", mapping{"/usr/sbin/mysqld", "7f00-7f10", 1234}, true},
		{"data", "7f00-7f10 rw-p 00001000 fe:00 1234 /usr/lib/libc.so.6", mapping{}, false},
		{"anonymous", "7f00-7f10 r-xp 00000000 00:00 0", mapping{}, false},
		{"vdso", "7f00-7f10 r-xp 00000000 00:00 0                  [vdso]", mapping{}, false},
		{"nothing", "", mapping{}, false},
	} {
		got, ok := parseMapping(test.line)
		if ok != test.ok || got != test.want {
			t.Errorf("%s: got %+v, %v", test.name, got, ok)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add("7f00-7f10 r-xp 00001000 fe:00 1234 /usr/lib/libc.so.6")
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMapping(line); ok && (m.inode == 0 || m.path == "" || m.path[0] != '/') {
			t.Errorf("%q gave %+v", line, m)
		}
	})
}

func TestFilesAreOpenedOnce(t *testing.T) {
	var known files
	defer known.close()
	self := readProcess(os.Getpid())
	first, err := known.executable(self)
	if err != nil {
		t.Fatal(err)
	}
	second, err := known.executable(self)
	if err != nil || first != second {
		t.Errorf("got %p and %p, %v", first, second, err)
	}
	if _, err := openRegular("/dev/null"); err == nil {
		t.Error("a device was opened as a binary")
	}
}

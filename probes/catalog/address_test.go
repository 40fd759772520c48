// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     Address
	}{
		{"a USDT probe of the executable", "usdt:exe:mysql:query__start",
			Address{Kind: USDT, Path: "exe", Provider: "mysql", Name: "query__start"}},
		{"a USDT probe of a library by glob", "usdt:*spanbridge_usdt.so:mysql:query__start",
			Address{Kind: USDT, Path: "*spanbridge_usdt.so", Provider: "mysql", Name: "query__start"}},
		{"a USDT probe of a path with a colon", "usdt:/opt/a:b/server:p:n",
			Address{Kind: USDT, Path: "/opt/a:b/server", Provider: "p", Name: "n"}},
		{"a uprobe by mangled name", "uprobe:exe:_Z18log_slow_statementP3THD",
			Address{Kind: Uprobe, Path: "exe", Symbol: "_Z18log_slow_statementP3THD"}},
		{"a uprobe with a hexadecimal offset", "uprobe:/usr/sbin/mysqld:f+0x10",
			Address{Kind: Uprobe, Path: "/usr/sbin/mysqld", Symbol: "f", Offset: 16}},
		{"the return of a function", "uretprobe:exe:_Z1fv",
			Address{Kind: Uretprobe, Path: "exe", Symbol: "_Z1fv"}},
		{"a uprobe with a decimal offset", "uprobe:libpq.so*:PQexec+4",
			Address{Kind: Uprobe, Path: "libpq.so*", Symbol: "PQexec", Offset: 4}},
		{"a function of the kernel", "kprobe:vfs_read", Address{Kind: Kprobe, Symbol: "vfs_read"}},
		{"the middle of one", "kprobe:vfs_read+0x10", Address{Kind: Kprobe, Symbol: "vfs_read", Offset: 16}},
		{"its return", "kretprobe:vfs_read", Address{Kind: Kretprobe, Symbol: "vfs_read"}},
		{"a part that the compiler made", "kprobe:tcp_ack.isra.0", Address{Kind: Kprobe, Symbol: "tcp_ack.isra.0"}},
		{"its entry", "fentry:vfs_*", Address{Kind: Fentry, Symbol: "vfs_*"}},
		{"its exit", "fexit:vfs_read", Address{Kind: Fexit, Symbol: "vfs_read"}},
		{"a tracepoint", "tracepoint:sched:sched_process_exec", Address{Kind: Tracepoint, Provider: "sched", Name: "sched_process_exec"}},
		{"tracepoints", "tracepoint:*:sys_enter_*", Address{Kind: Tracepoint, Provider: "*", Name: "sys_enter_*"}},
		{"a raw tracepoint", "rawtracepoint:sched_switch", Address{Kind: RawTracepoint, Symbol: "sched_switch"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseAddress(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			again, err := ParseAddress(got.String())
			if err != nil || again != got {
				t.Errorf("%s reads as %+v, %v", got, again, err)
			}
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", "want KIND:PLACE, such as usdt:PATH:PROVIDER:NAME"},
		{"the return from the middle of a function", "uretprobe:exe:main+4", "a function returns as a whole"},
		{"a return without symbol", "uretprobe:main", "want uretprobe:PATH:SYMBOL"},
		{"an empty function", "kprobe:", "want kprobe:FUNCTION[+OFFSET]"},
		{"a function that is none", "fexit:vfs-read", `"vfs-read" is no name of a function, want fexit:FUNCTION`},
		{"the return from the middle of a function of the kernel", "kretprobe:vfs_read+4", "a function returns as a whole"},
		{"the middle of a function by fentry", "fentry:vfs_read+4", "kprobe takes one"},
		{"an offset of many functions", "kprobe:vfs_*+4", "a pattern has no offset"},
		{"an offset in the kernel that is no number", "kprobe:vfs_read+x", `invalid offset "x"`},
		{"a tracepoint without category", "tracepoint:sched_switch", "want tracepoint:CATEGORY:NAME"},
		{"a tracepoint with a path", "tracepoint:../x:y", "want tracepoint:CATEGORY:NAME"},
		{"a raw tracepoint with a category", "rawtracepoint:sched:sched_switch", "want rawtracepoint:NAME"},
		{"a mistyped kind", "usd:exe:a:b", `unknown kind "usd", want one of usdt, uprobe, uretprobe, kprobe, kretprobe, fentry, fexit, tracepoint, rawtracepoint, did you mean "usdt"?`},
		{"a USDT probe without provider", "usdt:exe:query__start", "want usdt:PATH:PROVIDER:NAME"},
		{"an empty provider", "usdt:exe::query__start", "empty provider or name"},
		{"an empty name", "usdt:exe:mysql:", "empty provider or name"},
		{"a uprobe without path", "uprobe:main", "want uprobe:PATH:SYMBOL[+OFFSET]"},
		{"an empty path", "uprobe::main", "empty path"},
		{"an empty symbol", "uprobe:exe:+4", "empty symbol"},
		{"a relative path", "uprobe:lib/x.so:main", `relative path "lib/x.so"`},
		{"a broken glob", "uprobe:lib[.so:main", `invalid glob "lib[.so"`},
		{"an offset that is no number", "uprobe:exe:main+x", `invalid offset "x"`},
		{"two offsets", "uprobe:exe:main+1+2", `invalid offset "1+2"`},
		{"an offset beyond any function", "uprobe:exe:main+0x40000001", "want a number up to 0x40000000"},
		{"a space", "uprobe:exe:operator new", "space or unprintable character at byte 19"},
		{"invalid UTF-8", "uprobe:exe:a\xff", "space or unprintable character at byte 12"},
		{"an endless text", "uprobe:exe:" + strings.Repeat("a", 5000), "5011 bytes are more than 4096"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseAddress(tc.in)
			if err == nil {
				t.Fatalf("got %+v, want an error", got)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want it to contain %q", err, tc.want)
			}
		})
	}
}

func TestAddressPathSaysWhereToLook(t *testing.T) {
	for _, tc := range []struct {
		path         string
		exe, library bool
		matches      map[string]bool
	}{
		{"exe", true, false, map[string]bool{"exe": false}},
		{"/usr/lib/libpq.so.5", false, false, map[string]bool{"libpq.so.5": false}},
		{"libpq.so*", false, true, map[string]bool{"libpq.so.5": true, "libpq.so": true, "xlibpq.so": false}},
		{"*spanbridge_usdt.so", false, true, map[string]bool{"spanbridge_usdt.so": true, "ha_spanbridge_usdt.so": true, "spanbridge_usdt.so.1": false}},
	} {
		a := Address{Kind: Uprobe, Path: tc.path, Symbol: "f"}
		if a.IsExe() != tc.exe || a.IsLibrary() != tc.library {
			t.Errorf("%s: IsExe %v, IsLibrary %v", tc.path, a.IsExe(), a.IsLibrary())
		}
		for base, want := range tc.matches {
			if got := a.MatchesLibrary(base); got != want {
				t.Errorf("%s matches %s: %v, want %v", tc.path, base, got, want)
			}
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"usdt:exe:mysql:query__start", "usdt:/a:b:c:d", "uprobe:exe:_Z1fv+0x10", "uretprobe:exe:f", "uprobe:lib*.so.[0-9]:f",
		"kprobe:f", "uprobe:exe:a+", "usdt:::", "uprobe:exe:a+0", "uprobe:exe:a+0b1_0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		again, err := ParseAddress(a.String())
		if err != nil {
			t.Fatalf("%q reads as %+v, whose text %q does not read: %v", s, a, a, err)
		}
		if again != a {
			t.Fatalf("%q reads as %+v, its text as %+v", s, a, again)
		}
	})
}

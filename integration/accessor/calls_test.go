// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accessor_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/accessor"
	"github.com/spanbridge/spanbridge/probes/calls"
)

// disassembled are the calls of functions, and jumps to them from others, that
// objdump shows.
func disassembled(t *testing.T, b *binary, path string, functions ...uint64) map[uint64][]string {
	t.Helper()
	cmd := exec.Command("objdump", "-d", "--no-show-raw-insn", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	branch := regexp.MustCompile(`^ *([0-9a-f]+):\t.*\b(call|jmp) +[0-9a-f]+ <`)
	var targets [][]byte
	for _, f := range functions {
		targets = append(targets, fmt.Appendf(nil, " %x <", f))
	}
	found := make(map[uint64][]string)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		for i, f := range functions {
			if !bytes.Contains(lines.Bytes(), targets[i]) {
				continue
			}
			if match := branch.FindSubmatch(lines.Bytes()); match != nil {
				found[f] = append(found[f], fmt.Sprintf("%s %s", match[1], match[2]))
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCallsInRealServersAreThoseThatADisassemblerShows(t *testing.T) {
	for server, names := range map[string][]string{
		"mariadb-10.5":  {"thd_wait_begin", "thd_wait_end", "vio_set_wait_callback"},
		"mariadb-10.11": {"thd_wait_begin", "thd_wait_end", "vio_set_wait_callback"},
		"mariadb-11.8":  {"thd_wait_begin", "thd_wait_end", "vio_set_wait_callback"},
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := openBinary(t, server)
			var functions []uint64
			for _, name := range names {
				functions = append(functions, b.address(name))
			}
			got := make(map[uint64][]string)
			for f, r := range calls.Find(b.file, functions) {
				if r.Err != nil {
					t.Errorf("%#x: %v", f, r.Err)
				}
				for _, s := range r.Sites {
					got[f] = append(got[f], fmt.Sprintf("%x %s", s.Address, map[bool]string{false: "call", true: "jmp"}[s.Jump]))
				}
			}
			if diff := cmp.Diff(disassembled(t, b, paths(t, server), functions...), got); diff != "" {
				t.Errorf("of objdump (-) and found (+):\n%s", diff)
			}
		})
	}
}

// The callbacks of network waits are functions of their own that tell of waits.
func TestCallbacksOfNetworkWaitsAreFound(t *testing.T) {
	for _, server := range []string{"mariadb-10.5", "mariadb-10.11", "mariadb-11.8"} {
		t.Run(server, func(t *testing.T) {
			b := openBinary(t, server)
			for n, name := range []string{"thd_wait_begin", "thd_wait_end"} {
				handed, err := accessor.DecodeHanded(b.file.Machine, b, b.address("_Z14scheduler_initv"), b.address("vio_set_wait_callback"), n)
				if err != nil {
					t.Fatal(err)
				}
				f, within := b.address(name), 0
				found := calls.Find(b.file, []uint64{f, handed})
				for _, s := range found[f].Sites {
					if s.Function == handed {
						within++
					}
				}
				if within != 1 || found[handed].Err != nil || len(found[handed].Sites) > 0 {
					t.Errorf("the function at %#x calls %s %d times, and is called at %v", handed, name, within, found[handed].Sites)
				}
			}
		})
	}
}

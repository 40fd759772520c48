// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accessor_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files from the binaries found")

// A golden file holds the build-id and, a line each, a decoder, a function and
// what it decodes to. Another build has other offsets: then only the functions
// of the file are decoded, and must decode.
func TestFunctionsOfRealServersDecode(t *testing.T) {
	for _, server := range []string{"mysql-5.6", "mysql-9.7", "mariadb-10.5", "mariadb-10.11", "mariadb-11.8"} {
		t.Run(server, func(t *testing.T) {
			b := openBinary(t, server)
			path := filepath.Join("testdata", server+".golden")
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := redecoded(t, b, string(golden))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if strings.Contains(got, "not decoded") || strings.Contains(got, "not exported") {
				t.Errorf("a function does not decode:\n%s", got)
			}
			if !strings.HasPrefix(string(golden), "build-id "+b.buildID()+"\n") {
				t.Logf("the build is %s, not the golden file's: offsets are not compared", b.buildID())
				return
			}
			if diff := cmp.Diff(string(golden), got); diff != "" {
				t.Errorf("%s: %s", path, diff)
			}
		})
	}
}

// redecoded decodes the functions that a golden file names.
func redecoded(t *testing.T, b *binary, golden string) string {
	t.Helper()
	out := &strings.Builder{}
	fmt.Fprintf(out, "build-id %s\n", b.buildID())
	for _, line := range strings.Split(strings.TrimSpace(golden), "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			t.Fatalf("line %q", line)
		}
		fmt.Fprintf(out, "%s %s %s\n", fields[0], fields[1], b.decoded(fields[0], fields[1]))
	}
	return out.String()
}

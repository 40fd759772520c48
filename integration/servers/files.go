// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
)

// messages is where Debian's MariaDB has its messages and character sets.
const messages = "/usr/share/mysql"

// StockMariaDBFiles lists what [StockMariaDB] needs on a machine that has nothing
// but a kernel: files, and folders with all that is in them. One of them is a data
// directory, which is made for the account that asks and has its place in
// [CacheDir].
func StockMariaDBFiles(ctx context.Context) ([]string, error) {
	binary, err := stockBinary()
	if err != nil {
		return nil, err
	}
	template, err := mariadb(binary, "mariadb-install-db", "").datadirTemplate(ctx)
	if err != nil {
		return nil, err
	}
	list := []string{template, messages}
	for _, program := range []string{binary, "/bin/cp"} { // see copyTree
		libraries, err := sharedLibraries(ctx, program)
		if err != nil {
			return nil, err
		}
		list = append(append(list, program), libraries...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// libraryPath is where ldd(1) names a file, the loader included.
var libraryPath = regexp.MustCompile(`(/\S+) \(0x`)

func sharedLibraries(ctx context.Context, program string) (list []string, err error) {
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("list the shared libraries of %s: %w", program, err)
	}
	for _, m := range libraryPath.FindAllSubmatch(out, -1) {
		list = append(list, string(m[1]))
	}
	return list, nil
}

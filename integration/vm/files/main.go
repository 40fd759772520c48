// SPDX-License-Identifier: Apache-2.0

// Command files prints what a machine with nothing but a kernel needs in order to
// run Debian's MariaDB, one path a line, without the leading slash. It makes the
// server's data directory if there is none yet.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spanbridge/spanbridge/integration/servers"
)

func main() {
	list, err := servers.StockMariaDBFiles(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "files:", err)
		os.Exit(1)
	}
	for _, path := range list {
		fmt.Println(strings.TrimPrefix(path, "/"))
	}
}

// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// accounts is run while the system tables of MySQL and MariaDB are made.
const accounts = `CREATE DATABASE IF NOT EXISTS ` + Database + `;
FLUSH PRIVILEGES;
CREATE USER '` + User + `'@'localhost' IDENTIFIED BY '` + Password + `';
GRANT ALL PRIVILEGES ON *.* TO '` + User + `'@'localhost' WITH GRANT OPTION;
CREATE USER '` + User + `'@'127.0.0.1' IDENTIFIED BY '` + Password + `';
GRANT ALL PRIVILEGES ON *.* TO '` + User + `'@'127.0.0.1' WITH GRANT OPTION;
`

// mysqlFamily has what MySQL and MariaDB have in common.
func mysqlFamily(name, binary, root string) *product {
	return &product{
		name: name, binary: binary, root: root, driver: "mysql",
		versionArgs: []string{"--no-defaults", "--version"},
		shutdown:    syscall.SIGTERM,
		discard:     syscall.SIGKILL,
		socket:      func(int) string { return "s.sock" },
		dsn: func(port int) string {
			return fmt.Sprintf("%s:%s@tcp(%s)/%s", User, Password, address(port), Database)
		},
		ready: func(s *Server) error { return greets(s.Socket) },
	}
}

// bootstrap makes the accounts by the mode that is for making system tables: it
// reads statements, and has no network.
func bootstrap(ctx context.Context, in box, binary, data string, own []string) error {
	args := append([]string{"--no-defaults", "--bootstrap", "--datadir=" + data, "--tmpdir=" + in.dir}, own...)
	cmd := in.command(ctx, binary, append(args, asRoot()...)...)
	cmd.Stdin = strings.NewReader(accounts)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s --bootstrap: %w: %s", binary, err, bytes.TrimSpace(out))
	}
	return nil
}

func familyArgs(s *Server) []string {
	return append([]string{
		"--no-defaults",
		"--datadir=" + s.Datadir,
		"--tmpdir=" + s.dir,
		"--socket=" + s.Socket,
		"--port=" + strconv.Itoa(s.Port),
		"--bind-address=127.0.0.1",
		"--pid-file=" + filepath.Join(s.dir, "pid"),
		"--log-error=" + s.ErrorLog(),
	}, asRoot()...)
}

// asRoot allows a server what it refuses unless it is told.
func asRoot() []string {
	if os.Geteuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

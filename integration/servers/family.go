// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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

func writeAccounts(dir string) (path string, err error) {
	path = filepath.Join(dir, "accounts.sql")
	if err := os.WriteFile(path, []byte(accounts), 0o600); err != nil {
		return "", fmt.Errorf("write the accounts: %w", err)
	}
	return path, nil
}

// mysqlFamily has what MySQL and MariaDB have in common.
func mysqlFamily(name, binary, root string) *product {
	return &product{
		name: name, binary: binary, root: root, driver: "mysql",
		versionArgs: []string{"--no-defaults", "--version"},
		shutdown:    syscall.SIGTERM,
		socket:      func(int) string { return "s.sock" },
		dsn: func(port int) string {
			return fmt.Sprintf("%s:%s@tcp(%s)/%s", User, Password, address(port), Database)
		},
		ready: func(s *Server) error { return greets(s.Socket) },
	}
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

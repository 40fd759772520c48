// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// mysqlOwn turns off what would listen, and keeps the data directory small (the
// redo log is 100 MiB by default). secure-file-priv is compiled to a directory
// that only Debian's package mysql-server makes.
var mysqlOwn = []string{"--mysqlx=OFF", "--secure-file-priv=NULL", "--innodb-redo-log-capacity=16M"}

// MySQL starts the MySQL 9.7 of Debian sid that "make sid-servers" installs, in a
// container: mount and pid namespaces and a root file system of its own, the
// host's network. It returns once the server accepts connections; the caller
// owns it and must call Stop. Needs root and overlayfs.
func MySQL(ctx context.Context, opts ...Option) (*Server, error) {
	root, err := sidRoot("mysql")
	if err != nil {
		return nil, err
	}
	p := mysqlFamily("mysql", filepath.Join(root, "usr/sbin/mysqld"), root)
	p.recipe = fmt.Sprint(accounts, mysqlOwn, "no auto.cnf")
	p.args = func(s *Server) []string { return append(familyArgs(s), mysqlOwn...) }
	p.install = func(ctx context.Context, in box, data string) error {
		return mysqlInstall(ctx, in, p.binary, data)
	}
	return start(ctx, p, opts)
}

func mysqlInstall(ctx context.Context, in box, binary, data string) error {
	sql, err := writeAccounts(in.dir)
	if err != nil {
		return err
	}
	args := []string{
		"--no-defaults", "--initialize-insecure", "--datadir=" + data, "--tmpdir=" + in.dir,
		"--init-file=" + sql,
	}
	args = append(append(args, mysqlOwn...), asRoot()...)
	if out, err := in.command(ctx, binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("run mysqld --initialize-insecure: %w: %s", err, bytes.TrimSpace(out))
	}
	// It holds the server's UUID, which is made anew where it is missing: each copy
	// of the directory is a server of its own.
	if err := os.Remove(filepath.Join(data, "auto.cnf")); err != nil {
		return fmt.Errorf("forget the server's UUID: %w", err)
	}
	return nil
}

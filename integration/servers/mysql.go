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

// MySQL starts the MySQL 9.7 of Debian sid that "make debian-servers" installs, in a
// container: mount and pid namespaces and a root file system of its own, the
// host's network. It returns once the server accepts connections; the caller
// owns it and must call Stop. Needs root and overlayfs.
func MySQL(ctx context.Context, opts ...Option) (*Server, error) {
	root, err := debianRoot("sid/mysql")
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

// mysql56Own keeps the data directory small, and takes the messages from where the
// build expects none.
func mysql56Own(dir string) []string {
	return []string{
		"--basedir=" + dir, "--lc-messages-dir=" + filepath.Join(dir, "share"),
		"--character-sets-dir=" + filepath.Join(dir, "share", "charsets"), "--innodb-log-file-size=16M",
	}
}

// MySQL56 starts the MySQL 5.6 that "make mysql-old" installs, on the host.
// Otherwise it is like MySQL.
func MySQL56(ctx context.Context, opts ...Option) (*Server, error) {
	dir, err := installed("mysql-5.6", "MySQL 5.6", "mysql-old")
	if err != nil {
		return nil, err
	}
	own := mysql56Own(dir)
	p := mysqlFamily("mysql", filepath.Join(dir, "mysqld"), "")
	p.recipe = fmt.Sprint(accounts, own)
	p.args = func(s *Server) []string { return append(familyArgs(s), own...) }
	p.install = func(ctx context.Context, in box, data string) error {
		if err := copyTree(ctx, filepath.Join(dir, "data"), data); err != nil {
			return err
		}
		if err := bootstrap(ctx, in, p.binary, data, own); err != nil {
			return err
		}
		return forgetUUID(data)
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
	return forgetUUID(data)
}

// StrippedMySQL56 starts MySQL56 from a copy without a symbol table: what it exports
// is there, and nothing else.
func StrippedMySQL56(ctx context.Context, opts ...Option) (*Server, error) {
	stripped := func(s *Server) { s.Binary = filepath.Join(filepath.Dir(s.Binary), "stripped", "mysqld") }
	return MySQL56(ctx, append([]Option{stripped}, opts...)...)
}

func writeAccounts(dir string) (path string, err error) {
	path = filepath.Join(dir, "accounts.sql")
	if err := os.WriteFile(path, []byte(accounts), 0o600); err != nil {
		return "", fmt.Errorf("write the accounts: %w", err)
	}
	return path, nil
}

// forgetUUID removes the file of the server's UUID, which is made anew where it is
// missing: each copy of the directory is a server of its own.
func forgetUUID(data string) error {
	if err := os.Remove(filepath.Join(data, "auto.cnf")); err != nil {
		return fmt.Errorf("forget the server's UUID: %w", err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// innodbLogFileSize keeps a data directory small enough to copy in no time. It
// must be the same when the directory is made and when it is used, or the server
// rewrites its log at each start.
const innodbLogFileSize = "--innodb-log-file-size=16M"

// StockMariaDB starts the installed server of Debian's package mariadb-server.
// It returns once the server accepts connections; the caller owns it and must
// call Stop.
func StockMariaDB(ctx context.Context, opts ...Option) (*Server, error) {
	binary, err := stockBinary()
	if err != nil {
		return nil, err
	}
	return start(ctx, mariadb(binary, "mariadb-install-db", ""), opts)
}

// DTraceMariaDB starts the server with native USDT probes that "make
// mariadb-dtrace" builds, otherwise like StockMariaDB.
func DTraceMariaDB(ctx context.Context, opts ...Option) (*Server, error) {
	dir, err := dtraceDir()
	if err != nil {
		return nil, err
	}
	files := WithArgs(
		"--lc-messages-dir="+filepath.Join(dir, "share"),
		"--character-sets-dir="+filepath.Join(dir, "share", "charsets"),
	)
	withBinary := func(s *Server) { s.Binary = filepath.Join(dir, "mariadbd") }
	return StockMariaDB(ctx, append([]Option{withBinary, files}, opts...)...)
}

// MariaDB118 starts the server of Debian sid that "make debian-servers" installs,
// in a container: mount and pid namespaces and a root file system of its own, the
// host's network. Otherwise it is like StockMariaDB. Needs root and overlayfs.
func MariaDB118(ctx context.Context, opts ...Option) (*Server, error) {
	return containedMariaDB(ctx, "sid/mariadb", opts)
}

// MariaDB105 starts the server of Debian 11, otherwise like MariaDB118.
func MariaDB105(ctx context.Context, opts ...Option) (*Server, error) {
	return containedMariaDB(ctx, "bullseye/mariadb", opts)
}

func containedMariaDB(ctx context.Context, tree string, opts []Option) (*Server, error) {
	root, err := debianRoot(tree)
	if err != nil {
		return nil, err
	}
	binary, tool := filepath.Join(root, "usr/sbin/mariadbd"), filepath.Join(root, "usr/bin/mariadb-install-db")
	return start(ctx, mariadb(binary, tool, root), opts)
}

// mariadb makes a product of a server and the tool that makes its data directories.
func mariadb(binary, tool, root string) *product {
	p := mysqlFamily("mariadb", binary, root)
	p.args = mariadbArgs
	p.recipe = accounts + innodbLogFileSize + "bootstrap"
	p.install = func(ctx context.Context, in box, data string) error {
		if err := mariadbInstall(ctx, in, tool, data); err != nil {
			return err
		}
		return bootstrap(ctx, in, binary, data, []string{innodbLogFileSize})
	}
	return p
}

func mariadbArgs(s *Server) []string {
	args := append(familyArgs(s), innodbLogFileSize)
	if s.Plugin != "" {
		args = append(args, "--plugin-dir="+filepath.Dir(s.Plugin),
			"--plugin-load-add="+filepath.Base(s.Plugin))
	}
	return args
}

func mariadbInstall(ctx context.Context, in box, tool, data string) error {
	args := []string{
		"--no-defaults", "--datadir=" + data, "--tmpdir=" + in.dir, innodbLogFileSize, "--auth-root-authentication-method=normal", "--skip-test-db",
	}
	args = append(args, asRoot()...)
	out, err := in.command(ctx, tool, args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %s: apt-get install mariadb-server", ErrMissing, tool)
	}
	if err != nil {
		return fmt.Errorf("run mariadb-install-db: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// installPlugin copies the plugin into a plugin directory of the server's own.
func (s *Server) installPlugin() error {
	if s.Plugin == "" {
		return nil
	}
	b, err := os.ReadFile(s.Plugin)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s: run \"make plugin\"", ErrMissing, s.Plugin)
	}
	if err != nil {
		return fmt.Errorf("read plugin: %w", err)
	}
	dir := filepath.Join(s.dir, "plugin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make plugin directory: %w", err)
	}
	s.Plugin = filepath.Join(dir, filepath.Base(s.Plugin))
	if err := os.WriteFile(s.Plugin, b, 0o755); err != nil {
		return fmt.Errorf("copy plugin: %w", err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postgresqlInit makes a cluster whose only role is User: with a password by TCP,
// without one by the Unix socket.
var postgresqlInit = []string{
	"--username=" + User, "--auth-host=scram-sha-256", "--auth-local=trust",
	"--encoding=UTF8", "--locale=C.UTF-8",
}

// PostgreSQL starts the installed server of Debian's package postgresql-15. It
// returns once the server accepts connections; the caller owns it and must call
// Stop. PID is that of the postmaster, Socket is in the directory that libpq
// takes as the host. Because the server refuses to run as root, root's runs as
// the user postgres, whom the package makes.
func PostgreSQL(ctx context.Context, opts ...Option) (*Server, error) {
	p := postgresql("", "15")
	if _, err := os.Stat(p.binary); err != nil {
		return nil, fmt.Errorf("%w: %s: apt-get install postgresql-15", ErrMissing, p.binary)
	}
	if os.Geteuid() == 0 {
		var err error
		if p.account, err = user.Lookup("postgres"); err != nil {
			return nil, fmt.Errorf("find whom to run PostgreSQL as: %w", err)
		}
	}
	return start(ctx, p, opts)
}

// PostgreSQL13 starts the server of Debian 11 that "make debian-servers" installs,
// in a container, otherwise like PostgreSQL. Needs root and overlayfs.
func PostgreSQL13(ctx context.Context, opts ...Option) (*Server, error) {
	return containedPostgreSQL(ctx, "bullseye", "13", opts)
}

// PostgreSQL17 starts the server of Debian 13, otherwise like PostgreSQL13.
func PostgreSQL17(ctx context.Context, opts ...Option) (*Server, error) {
	return containedPostgreSQL(ctx, "trixie", "17", opts)
}

// PostgreSQL18 starts the server of Debian sid, otherwise like PostgreSQL13.
func PostgreSQL18(ctx context.Context, opts ...Option) (*Server, error) {
	return containedPostgreSQL(ctx, "sid", "18", opts)
}

func containedPostgreSQL(ctx context.Context, release, version string, opts []Option) (*Server, error) {
	root, err := debianRoot(release + "/postgresql")
	if err != nil {
		return nil, err
	}
	p := postgresql(root, version)
	if p.account, err = accountIn(root, "postgres"); err != nil {
		return nil, err
	}
	return start(ctx, p, opts)
}

// postgresql makes a product of Debian's package of a version.
func postgresql(root, version string) *product {
	bin := filepath.Join(cmp.Or(root, "/"), "usr/lib/postgresql", version, "bin")
	return &product{
		name: "postgresql", binary: filepath.Join(bin, "postgres"), root: root, driver: "pgx",
		versionArgs: []string{"--version"},
		recipe:      strings.Join(postgresqlInit, " ") + Password + Database,
		shutdown:    syscall.SIGINT,  // fast; SIGTERM waits for the clients
		discard:     syscall.SIGQUIT, // immediate: its shared memory goes, which a killed one leaves
		args:        postgresqlArgs,
		install: func(ctx context.Context, in box, data string) error {
			return postgresqlInstall(ctx, in, bin, data)
		},
		socket: func(port int) string { return ".s.PGSQL." + strconv.Itoa(port) },
		dsn: func(port int) string {
			return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", User, Password, address(port), Database)
		},
		ready: postmasterReady,
	}
}

func postgresqlArgs(s *Server) []string {
	return []string{
		"-D", s.Datadir, "-p", strconv.Itoa(s.Port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1",
		"-c", "log_destination=stderr", "-c", "logging_collector=off",
	}
}

func postgresqlInstall(ctx context.Context, in box, bin, data string) error {
	password := filepath.Join(in.dir, "password")
	// initdb reads it as another user; the directory is that user's alone.
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	args := append([]string{"--pgdata=" + data, "--pwfile=" + password, "--no-sync"}, postgresqlInit...)
	initdb := in.command(ctx, filepath.Join(bin, "initdb"), args...)
	// Single-user mode has no SQL but what it reads, one command a line.
	create := in.command(ctx, filepath.Join(bin, "postgres"), "--single", "-D", data, "postgres")
	create.Stdin = strings.NewReader("CREATE DATABASE " + Database + "\n")
	for _, cmd := range []*exec.Cmd{initdb, create} {
		cmd.Dir = in.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("run %v: %w: %s", cmd.Args, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// postmasterReady reads what pg_ctl reads to know that a server has started: the
// first and the eighth line of postmaster.pid, process and status
// (src/include/utils/pidfile.h).
func postmasterReady(s *Server) error {
	const pidLine, statusLine = 0, 7
	b, err := os.ReadFile(filepath.Join(s.Datadir, "postmaster.pid"))
	if err != nil {
		return err
	}
	lines := strings.Split(string(b), "\n")
	pid := strconv.Itoa(s.PID)
	if s.Root != "" {
		pid = "1" // in a pid namespace of its own
	}
	if len(lines) <= statusLine || lines[pidLine] != pid {
		return errors.New("postmaster.pid is not that of this server yet")
	}
	if status := strings.TrimSpace(lines[statusLine]); status != "ready" {
		return fmt.Errorf("the postmaster is %s", status)
	}
	return nil
}

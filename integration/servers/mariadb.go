// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers/process"
)

// The account that every server has, with all privileges, from 127.0.0.1 and by
// the socket.
const (
	User     = "spanbridge"
	Password = "spanbridge"
	// Database exists and is empty.
	Database = "test"
)

// ErrMissing means that a program is not installed or not built. The text of the
// error that wraps it says how to get it.
var ErrMissing = errors.New("program is missing")

const (
	startTimeout = 60 * time.Second
	stopGrace    = 60 * time.Second
)

// Server is a private MariaDB. Its methods must not be called concurrently.
type Server struct {
	PID     int    // of the running server, changes with Restart
	Port    int    // on 127.0.0.1
	Socket  string // Unix socket
	DSN     string // for github.com/go-sql-driver/mysql, by TCP, database Database
	Datadir string
	Binary  string // the mariadbd that runs
	Plugin  string // the shared object loaded by WithPlugin, "" for none

	dir     string
	args    []string
	process *process.Process
}

// Option changes how a server is started.
type Option func(*Server)

// WithArgs adds arguments to the command line of mariadbd, after all others.
func WithArgs(args ...string) Option {
	return func(s *Server) { s.args = append(s.args, args...) }
}

// WithPlugin loads the plugin library at path. The server loads a copy, so that
// the file may be rebuilt while the server runs. Plugin libraries installed in
// the system are then out of its reach.
func WithPlugin(path string) Option {
	return func(s *Server) { s.Plugin = path }
}

// StockMariaDB starts the installed server of Debian's package mariadb-server.
// It returns once the server accepts connections; the caller owns it and must
// call Stop.
func StockMariaDB(ctx context.Context, opts ...Option) (*Server, error) {
	binary, err := stockBinary()
	if err != nil {
		return nil, err
	}
	return start(ctx, &Server{Binary: binary}, opts)
}

// DTraceMariaDB starts the server with native USDT probes that "make
// mariadb-dtrace" builds, otherwise like StockMariaDB.
func DTraceMariaDB(ctx context.Context, opts ...Option) (*Server, error) {
	dir, err := dtraceDir()
	if err != nil {
		return nil, err
	}
	s := &Server{Binary: filepath.Join(dir, "mariadbd")}
	s.args = []string{
		"--lc-messages-dir=" + filepath.Join(dir, "share"),
		"--character-sets-dir=" + filepath.Join(dir, "share", "charsets"),
	}
	return start(ctx, s, opts)
}

func start(ctx context.Context, s *Server, opts []Option) (_ *Server, err error) {
	for _, opt := range opts {
		opt(s)
	}
	if s.dir, err = os.MkdirTemp("", "spanbridge-mariadb-"); err != nil {
		return nil, fmt.Errorf("make a server directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	s.Socket = filepath.Join(s.dir, "s.sock")
	s.Datadir = filepath.Join(s.dir, "data")
	if err := newDatadir(ctx, s.Datadir); err != nil {
		return nil, err
	}
	if err := s.installPlugin(); err != nil {
		return nil, err
	}
	ports, err := process.FreePorts(1)
	if err != nil {
		return nil, err
	}
	s.Port = ports[0]
	s.DSN = fmt.Sprintf("%s:%s@tcp(127.0.0.1:%d)/%s", User, Password, s.Port, Database)
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s, nil
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

func (s *Server) commandLine() []string {
	args := []string{
		"--no-defaults",
		"--datadir=" + s.Datadir,
		"--tmpdir=" + s.dir,
		"--socket=" + s.Socket,
		"--port=" + strconv.Itoa(s.Port),
		"--bind-address=127.0.0.1",
		"--pid-file=" + filepath.Join(s.dir, "pid"),
		"--log-error=" + s.ErrorLog(),
		innodbLogFileSize,
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	if s.Plugin != "" {
		args = append(args, "--plugin-dir="+filepath.Dir(s.Plugin),
			"--plugin-load-add="+filepath.Base(s.Plugin))
	}
	return append(args, s.args...)
}

// run starts mariadbd and waits until it greets a client.
func (s *Server) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := process.Start(exec.Command(s.Binary, s.commandLine()...))
	if err != nil {
		return err
	}
	s.process, s.PID = p, p.PID
	if err := p.Until(ctx, func() error { return greets(s.Socket) }); err != nil {
		return errors.Join(
			fmt.Errorf("start %s: %w\n%s", s.Binary, err, process.Tail(s.ErrorLog(), 8)), p.Kill())
	}
	return nil
}

// ErrorLog returns the path of the server's error log.
func (s *Server) ErrorLog() string { return filepath.Join(s.dir, "error.log") }

// Kill9 kills the server with SIGKILL and keeps its files, so that Restart makes
// it recover.
func (s *Server) Kill9() error { return s.process.Kill() }

// Restart starts the server again on the same files, port and socket. A running
// server is shut down first.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.process.Stop(stopGrace); err != nil {
		return err
	}
	return s.run(ctx)
}

// Stop shuts the server down and removes its files.
func (s *Server) Stop() error {
	return errors.Join(s.process.Stop(stopGrace), os.RemoveAll(s.dir))
}

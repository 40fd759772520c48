// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// Server is a private database server. Its methods must not be called
// concurrently.
type Server struct {
	PID     int    // on the host, of the running server; changes with Restart
	Port    int    // on 127.0.0.1
	Socket  string // Unix socket
	Driver  string // for database/sql: mysql or pgx
	DSN     string // for Driver, by TCP, database Database
	Datadir string
	Binary  string // the program that runs, as the host sees it
	Root    string // the container's root file system, "" if it runs on the host
	Plugin  string // the shared object loaded by WithPlugin, "" for none

	product *product
	dir     string // holds all of its files; has the same path in a container
	args    []string
	cgroups []string
	process *process.Process
}

// Option changes how a server is started.
type Option func(*Server)

// WithArgs adds arguments to the server's command line, after all others.
func WithArgs(args ...string) Option {
	return func(s *Server) { s.args = append(s.args, args...) }
}

// WithPlugin loads the plugin library at path into a MariaDB. The server loads a
// copy, so that the file may be rebuilt while the server runs. Plugin libraries
// installed in the system are then out of its reach.
func WithPlugin(path string) Option {
	return func(s *Server) { s.Plugin = path }
}

// WithCgroup starts the server, with every process it may start, in the control
// group (version 1 or 2) whose directory is path. The caller makes it, and
// removes it after Stop. Given twice it is for two hierarchies. Needs root.
func WithCgroup(path string) Option {
	return func(s *Server) { s.cgroups = append(s.cgroups, path) }
}

// start makes a server of the product p. It returns once the server accepts
// connections; the caller owns it and must call Stop.
func start(ctx context.Context, p *product, opts []Option) (_ *Server, err error) {
	s := &Server{Binary: p.binary, Root: p.root, Driver: p.driver, product: p}
	for _, opt := range opts {
		opt(s)
	}
	if s.dir, err = os.MkdirTemp("", "spanbridge-"+p.name+"-"); err != nil {
		return nil, fmt.Errorf("make a server directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if err := p.own(s.dir); err != nil {
		return nil, err
	}
	s.Datadir = filepath.Join(s.dir, "data")
	if err := p.newDatadir(ctx, s.Datadir); err != nil {
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
	s.Socket = filepath.Join(s.dir, p.socket(s.Port))
	s.DSN = p.dsn(s.Port)
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// run starts the server and waits until it accepts clients.
func (s *Server) run(ctx context.Context) error {
	// For what is said before the server opens its log itself, or if it does not.
	log, err := os.OpenFile(s.ErrorLog(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the error log: %w", err)
	}
	defer log.Close()
	in := box{root: s.Root, dir: s.dir, account: s.product.account, cgroups: s.cgroups}
	cmd := in.command(context.WithoutCancel(ctx), s.Binary, append(s.product.args(s), s.args...)...)
	cmd.Stdout, cmd.Stderr = log, log

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := process.Start(cmd)
	if err != nil {
		return err
	}
	s.process, s.PID = p, p.PID
	if err := p.Until(ctx, func() error { return s.product.ready(s) }); err != nil {
		return errors.Join(
			fmt.Errorf("start %s: %w\n%s", s.Binary, err, process.Tail(s.ErrorLog(), 8)), s.Kill9())
	}
	return nil
}

// ErrorLog returns the path of the server's error log.
func (s *Server) ErrorLog() string { return filepath.Join(s.dir, "error.log") }

// Kill9 kills the server with SIGKILL and keeps its files, so that Restart makes
// it recover. It returns when the processes that the server had started have
// ended too.
func (s *Server) Kill9() error {
	children := process.Children(s.PID)
	if err := s.process.Kill(); err != nil {
		return err
	}
	return process.WaitGone(children, stopGrace)
}

// Restart starts the server again on the same files, port and socket. A running
// server is shut down first.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.shutDown(); err != nil {
		return err
	}
	return s.run(ctx)
}

// Stop ends the server and removes its files. What is removed needs no orderly
// shutdown.
func (s *Server) Stop() error {
	return errors.Join(s.process.StopWith(s.product.discard, stopGrace), os.RemoveAll(s.dir))
}

func (s *Server) shutDown() error {
	return s.process.StopWith(s.product.shutdown, stopGrace)
}

// address is the TCP address of a server's port.
func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

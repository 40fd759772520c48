// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// product is what differs from one kind of server to another.
type product struct {
	name        string // in names of directories
	binary      string // as the host sees it
	root        string // the root file system of its container, "" to run on the host
	account     *user.User
	driver      string
	versionArgs []string       // make binary print its version
	recipe      string         // all that install does; a change asks for new templates
	shutdown    syscall.Signal // asks for an orderly end without waiting for clients
	discard     syscall.Signal // ends it as fast as leaves nothing but its files

	install func(ctx context.Context, in box, data string) error // makes a data directory
	args    func(*Server) []string                               // the command line but for WithArgs
	socket  func(port int) string                                // the name of the Unix socket
	dsn     func(port int) string
	ready   func(*Server) error // nil once clients are served
}

// version asks the program what it is. A container's answers without one: it
// needs its libraries only.
func (p *product) version(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, strings.TrimPrefix(p.binary, p.root), p.versionArgs...)
	if p.root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: p.root}
		cmd.Dir = "/"
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", p.binary, err)
	}
	_, version, _ := bytes.Cut(out, []byte(" ")) // it begins with the program's path
	return version, nil
}

// own gives a directory to the account that the server runs under.
func (p *product) own(dir string) error {
	if p.account == nil {
		return nil
	}
	uid, err := strconv.Atoi(p.account.Uid)
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", dir, p.account.Username, err)
	}
	if err := os.Chown(dir, uid, -1); err != nil {
		return fmt.Errorf("give %s to %s: %w", dir, p.account.Username, err)
	}
	return nil
}

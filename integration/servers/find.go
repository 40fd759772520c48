// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// CacheDir returns the directory for what is built once and kept:
// $XDG_CACHE_HOME/spanbridge, by default ~/.cache/spanbridge.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	return filepath.Join(dir, "spanbridge"), nil
}

// stockBinary finds mariadbd, which Debian keeps outside an ordinary user's PATH.
func stockBinary() (string, error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd"} {
		path, err := exec.LookPath(name)
		if err == nil {
			return filepath.EvalSymlinks(path)
		}
	}
	return "", fmt.Errorf("%w: mariadbd: apt-get install mariadb-server", ErrMissing)
}

// dtraceDir finds what integration/servers/mariadb-dtrace.sh has built.
func dtraceDir() (string, error) {
	return installed("mariadb-dtrace/current", "MariaDB with native USDT", "mariadb-dtrace")
}

// debianRoot finds a root file system that integration/servers/debian.sh has made,
// by the release and the server.
func debianRoot(tree string) (string, error) {
	return installed(tree, tree+" of Debian", "debian-servers")
}

// installed finds what a target of make has put into a folder of the cache. The
// path has no symbolic links: it becomes the prefix of paths that are compared.
func installed(folder, what, target string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(cache, folder))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: %s: run \"make %s\"", ErrMissing, what, target)
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", what, err)
	}
	return dir, nil
}

// accountIn finds an account of a root file system.
func accountIn(root, name string) (*user.User, error) {
	file := filepath.Join(root, "etc/passwd")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("find whom to run as: %w", err)
	}
	const nameField, uidField, gidField = 0, 2, 3 // passwd(5)
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) > gidField && f[nameField] == name {
			return &user.User{Username: name, Uid: f[uidField], Gid: f[gidField]}, nil
		}
	}
	return nil, fmt.Errorf("find whom to run as: %s has no %s", file, name)
}

// greets connects to a socket and reads the start of the server's greeting: a
// packet header and the protocol version, which MySQL and MariaDB share.
// https://mariadb.com/kb/en/connection/#initial-handshake-packet
func greets(socket string) error {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	const handshakeV10 = 10
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	if head[4] != handshakeV10 {
		return fmt.Errorf("read greeting: protocol version %d, not %d", head[4], handshakeV10)
	}
	return nil
}

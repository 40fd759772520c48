// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(cache, "mariadb-dtrace", "current"))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: MariaDB with native USDT: run \"make mariadb-dtrace\"", ErrMissing)
	}
	if err != nil {
		return "", fmt.Errorf("find MariaDB with native USDT: %w", err)
	}
	return dir, nil
}

// sidRoot finds a root file system that integration/servers/sid.sh has made. The
// path has no symbolic links: it becomes the prefix of paths that are compared.
func sidRoot(name string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(cache, "sid", name))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%w: %s of Debian sid: run \"make sid-servers\"", ErrMissing, name)
	}
	if err != nil {
		return "", fmt.Errorf("find %s of Debian sid: %w", name, err)
	}
	return dir, nil
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

// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// accounts is run while the system tables are made.
const accounts = `CREATE DATABASE IF NOT EXISTS ` + Database + `;
FLUSH PRIVILEGES;
CREATE USER '` + User + `'@'localhost' IDENTIFIED BY '` + Password + `';
GRANT ALL PRIVILEGES ON *.* TO '` + User + `'@'localhost' WITH GRANT OPTION;
CREATE USER '` + User + `'@'127.0.0.1' IDENTIFIED BY '` + Password + `';
GRANT ALL PRIVILEGES ON *.* TO '` + User + `'@'127.0.0.1' WITH GRANT OPTION;
`

// newDatadir makes a fresh data directory at path by copying a template, which is
// made once per version of the installed server and kept in the cache.
func newDatadir(ctx context.Context, path string) error {
	template, err := datadirTemplate(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", template, path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy data directory: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func datadirTemplate(ctx context.Context) (string, error) {
	binary, err := stockBinary()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, binary, "--no-defaults", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", binary, err)
	}
	_, version, _ = bytes.Cut(version, []byte(" ")) // it begins with the program's path
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s%s%s%d", version, accounts, innodbLogFileSize, os.Geteuid()))
	template := filepath.Join(cache, "datadir", fmt.Sprintf("%x", key[:8]))
	if _, err := os.Stat(template); err == nil {
		return template, nil
	}
	return template, makeTemplate(ctx, template)
}

// makeTemplate makes the directory beside its place and then renames it, so that
// programs running at the same time never see half of one.
func makeTemplate(ctx context.Context, template string) (err error) {
	if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(template), "new-")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	sql := filepath.Join(work, "accounts.sql")
	if err := os.WriteFile(sql, []byte(accounts), 0o600); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	data := filepath.Join(work, "data")
	if err := installDB(ctx, data, sql); err != nil {
		return err
	}
	err = os.Rename(data, template)
	if _, statErr := os.Stat(template); statErr == nil {
		return nil // ours, or that of another program which was faster
	}
	return err
}

func installDB(ctx context.Context, data, sql string) error {
	tool, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		return fmt.Errorf("%w: mariadb-install-db: apt-get install mariadb-server", ErrMissing)
	}
	args := []string{
		"--no-defaults", "--datadir=" + data, "--extra-file=" + sql, innodbLogFileSize,
		"--auth-root-authentication-method=normal", "--skip-test-db",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	if out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("run mariadb-install-db: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

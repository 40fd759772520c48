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

// newDatadir makes a fresh data directory at path by copying a template, which is
// made once per version of the server and kept in the cache.
func (p *product) newDatadir(ctx context.Context, path string) error {
	template, err := p.datadirTemplate(ctx)
	if err != nil {
		return err
	}
	return copyTree(ctx, template, path)
}

// copyTree copies a directory with the owners of its files.
func copyTree(ctx context.Context, from, to string) error {
	cmd := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", from, to)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy data directory: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (p *product) datadirTemplate(ctx context.Context) (string, error) {
	version, err := p.version(ctx)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %s%s%d", p.name, version, p.recipe, os.Geteuid()))
	template := filepath.Join(cache, "datadir", fmt.Sprintf("%x", key[:8]))
	if _, err := os.Stat(template); err == nil {
		return template, nil
	}
	return template, p.makeTemplate(ctx, template)
}

// makeTemplate makes the directory beside its place and then renames it, so that
// programs running at the same time never see half of one. The server makes it in
// the directory for temporary files: the cache may be below a home that the
// server's account cannot enter.
func (p *product) makeTemplate(ctx context.Context, template string) (err error) {
	if err := os.MkdirAll(filepath.Dir(template), 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	work, err := os.MkdirTemp("", "spanbridge-"+p.name+"-new-")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := p.own(work); err != nil {
		return err
	}
	data := filepath.Join(work, "data")
	if err := p.install(ctx, box{root: p.root, dir: work, account: p.account}, data); err != nil {
		return err
	}

	aside, err := os.MkdirTemp(filepath.Dir(template), "new-")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := copyTree(ctx, data, filepath.Join(aside, "data")); err != nil {
		return err
	}
	err = os.Rename(filepath.Join(aside, "data"), template)
	if _, statErr := os.Stat(template); statErr == nil {
		return nil // ours, or that of another program which was faster
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// programs are the names under which Debian and others install it.
var programs = []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}

// Browser is a running Chromium. It is used by one goroutine.
type Browser struct {
	cmd    *exec.Cmd
	wire   *wire
	folder string
	stderr bytes.Buffer
}

// Start starts a browser with a profile of its own. The caller closes it.
func Start() (*Browser, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "spanbridge-browser")
	if err != nil {
		return nil, err
	}
	b := &Browser{folder: folder}
	// Tests run as root, for which Chromium has no sandbox; they open their own pages only.
	b.cmd = exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-first-run", "--remote-debugging-pipe", "--user-data-dir="+folder)
	b.cmd.Stderr = &b.stderr
	if b.wire, err = connect(b.cmd); err == nil {
		err = b.wire.call("", "Browser.getVersion", nil, nil)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w\n%s", program, err, b.stderr.String()), b.Close())
	}
	return b, nil
}

func find() (string, error) {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser: want one of %v; \"make deps\" installs it", programs)
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error {
	if b.cmd.Process != nil {
		if b.wire.call("", "Browser.close", nil, nil) != nil {
			_ = b.cmd.Process.Kill()
		}
		_ = b.cmd.Wait()
	}
	if b.wire != nil {
		b.wire.close()
	}
	return os.RemoveAll(b.folder)
}

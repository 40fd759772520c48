// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheMeterReadsProcessorTimeAndBytesToFiles(t *testing.T) {
	before, err := (proc{}).read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const bytes = 1 << 20
	if err := os.WriteFile(filepath.Join(t.TempDir(), "file"), make([]byte, bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
	}
	after, err := (proc{}).read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	used := after.since(before)
	if used.cpu < int64(time.Millisecond) || used.cpu > int64(10*time.Second) {
		t.Errorf("processor time %v", time.Duration(used.cpu))
	}
	if used.wrote < bytes {
		t.Errorf("wrote %d bytes, want at least %d", used.wrote, bytes)
	}
	if _, err := (proc{}).read(1 << 22); err == nil {
		t.Error("a process that does not exist is read")
	}
}

// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// follower reads a file in the background.
type follower struct {
	t    *testing.T
	tail *Tail
	stop context.CancelFunc
	mu   sync.Mutex
	got  strings.Builder
	done chan error
}

func follow(t *testing.T, path string, fromEnd bool) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	tail, err := Follow(ctx, path, fromEnd)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, tail: tail, stop: stop, done: make(chan error, 1)}
	go func() {
		_, err := io.Copy(f, tail)
		f.done <- err
	}()
	return f
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.Write(p)
}

func (f *follower) read() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.String()
}

// until waits until so much was read.
func (f *follower) until(want string) {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); f.read() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("read %q, want %q", f.read(), want)
		}
	}
}

// end stops following and returns everything.
func (f *follower) end() string {
	f.t.Helper()
	f.stop()
	if err := <-f.done; err != nil {
		f.t.Fatal(err)
	}
	if err := f.tail.Close(); err != nil {
		f.t.Fatal(err)
	}
	return f.read()
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestAGrowingFileIsReadToWhereItEndsWhenItIsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	appendTo(t, path, "a\n")
	f := follow(t, path, false)
	f.until("a\n")
	appendTo(t, path, "b\n")
	f.until("a\nb\n")
	appendTo(t, path, "c")
	if got := f.end(); got != "a\nb\nc" || len(f.tail.Losses()) != 0 {
		t.Errorf("read %q, losses %v", got, f.tail.Losses())
	}
}

func TestFromTheEndOnlyWhatIsNewIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	appendTo(t, path, "old\n")
	f := follow(t, path, true)
	appendTo(t, path, "new\n")
	if got := f.end(); got != "new\n" {
		t.Errorf("read %q", got)
	}
}

func TestARenamedFileIsReadUntilItsSuccessorIsWrittenTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	appendTo(t, path, "a\n")
	f := follow(t, path, false)
	f.until("a\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "") // logrotate's create
	time.Sleep(3 * pollEvery)
	appendTo(t, path+".1", "b\n") // the server has not heard of it
	f.until("a\nb\n")
	appendTo(t, path+".1", "c\n")
	appendTo(t, path, "d\n")
	f.until("a\nb\nc\nd\n")
	if got := f.end(); got != "a\nb\nc\nd\n" || len(f.tail.Losses()) != 0 {
		t.Errorf("read %q, losses %v", got, f.tail.Losses())
	}
}

func TestATruncatedFileIsReadAnewAndTheLossIsTold(t *testing.T) {
	for name, after := range map[string]string{"shorter": "c\n", "longer": "c\nand longer than before\n"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			appendTo(t, path, "a\nb\n")
			f := follow(t, path, false)
			f.until("a\nb\n")
			from := time.Now()
			if err := os.WriteFile(path, []byte(after), 0o600); err != nil { // truncates
				t.Fatal(err)
			}
			f.until("a\nb\n" + after)
			f.end()
			losses := f.tail.Losses()
			if len(losses) != 1 || losses[0].Why != WhyTruncated || losses[0].From > from.UnixNano() || losses[0].To < from.UnixNano() {
				t.Errorf("losses %+v, truncated at %d", losses, from.UnixNano())
			}
		})
	}
}

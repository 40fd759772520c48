// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/integration/backends"
	"github.com/spanbridge/spanbridge/integration/program"
	"github.com/spanbridge/spanbridge/integration/servers"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(m))
}

// watch runs spanbridge on a server while work is done, and returns the spans.
// The ledger has to close.
func watch(t *testing.T, server *servers.Server, flags []string, work func()) []backends.Span {
	t.Helper()
	path, err := program.Path()
	if err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(t.TempDir(), "spans.jsonl")
	var messages strings.Builder
	args := append([]string{"run", "--export", "file:" + output, "--ready-fd", "3", "--wait-threshold", "1h", "--target", strconv.Itoa(server.PID)}, flags...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = &messages
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, err = bufio.NewReader(r).ReadString('\n')
	if err == nil {
		work()
	}
	cmd.Process.Signal(unix.SIGINT)
	if waited := cmd.Wait(); err != nil || waited != nil || !strings.Contains(messages.String(), "the ledger closes") {
		t.Fatalf("spanbridge: %v, %v\n%s", err, waited, messages.String())
	}
	t.Log(messages.String())
	written, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	spans, err := backends.ParseSpans(written)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

// observed is a span that is below no other, with all that are below it.
type observed struct {
	*backends.Span
	inside []*backends.Span // as they began
}

func (o *observed) String() string { return fmt.Sprintf("%s: %v", o.Name, text(o.Span)) }

// text is a span's statement, "" for none.
func text(s *backends.Span) string {
	text, _ := s.Attributes["db.query.text"].(string)
	return text
}

// trees puts spans together, as they began.
func trees(spans []backends.Span) []*observed {
	slices.SortStableFunc(spans, func(a, b backends.Span) int { return a.Start.Compare(b.Start) })
	byID := make(map[string]*backends.Span, len(spans))
	for i := range spans {
		byID[spans[i].SpanID] = &spans[i]
	}
	var roots []*observed
	tops := make(map[*backends.Span]*observed)
	for i := range spans {
		if s := &spans[i]; byID[s.ParentID] == nil {
			tops[s] = &observed{Span: s}
			roots = append(roots, tops[s])
		}
	}
	for i := range spans {
		top := &spans[i]
		for byID[top.ParentID] != nil {
			top = byID[top.ParentID]
		}
		if top != &spans[i] {
			tops[top].inside = append(tops[top].inside, &spans[i])
		}
	}
	return roots
}

// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// command is a command of the shell. How many statements it sent is what the server counted
// meanwhile, of all of its clients; how long they took is not known.
type command struct {
	spec, text string
	db         *sql.DB
}

func newCommand(spec, text string, server *mysql.Config) (*command, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("load cmd: want cmd:COMMAND, which is run by the shell")
	}
	connector, err := mysql.NewConnector(clientConfig(server))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", spec, err)
	}
	return &command{spec: spec, text: text, db: sql.OpenDB(connector)}, nil
}

// Name implements [Load].
func (c *command) Name() string { return c.spec }

// Run implements [Load]. When the time is over the command and what it has started is told to
// end, and killed if it does not.
func (c *command) Run(ctx context.Context, d time.Duration) (Stats, error) {
	before, err := c.questions(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("load %s: %w", c.spec, err)
	}
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	out, err := run(limited, exec.Command("sh", "-c", c.text))
	s := Stats{Seconds: time.Since(began).Seconds(), Unit: "statement"}
	if err != nil && limited.Err() == nil {
		return s, fmt.Errorf("load %s: %w\n%s", c.spec, err, lastLines(out))
	}
	after, err := c.questions(context.WithoutCancel(ctx))
	if err != nil {
		return s, fmt.Errorf("load %s: %w", c.spec, err)
	}
	if after > before { // else the command has set the count to 0
		s.Statements = after - before - 1 // this question
	}
	return s, nil
}

// Close implements [Load].
func (c *command) Close() error { return c.db.Close() }

// questions is how many statements clients have sent to the server.
func (c *command) questions(ctx context.Context) (n uint64, err error) {
	var name string
	err = c.db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n)
	return n, err
}

// run runs a command in a process group of its own, and returns what it printed, up to a bound. When
// the context ends the group is told to end, and is killed if it is there still after
// [patience].
func run(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var out bounded
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		return "", err
	}
	group := -cmd.Process.Pid
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		_ = syscall.Kill(group, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
		}
		_ = syscall.Kill(group, syscall.SIGKILL)
	}()
	err := cmd.Wait()
	close(ended)
	<-stopped
	if ctx.Err() != nil {
		return out.String(), ctx.Err()
	}
	return out.String(), err
}

// bounded keeps the end of what is written to it.
type bounded struct{ bytes.Buffer }

const maxOutput = 1 << 20

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxOutput {
		b.Next(b.Len() / 2)
	}
	_, err := b.Buffer.Write(p[max(0, len(p)-maxOutput/2):])
	return len(p), err
}

// lastLines is the end of what a program printed.
func lastLines(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

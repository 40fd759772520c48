// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// compareConfig is what the flags of compare say.
type compareConfig struct {
	DSN       string
	Target    string
	Accounts  []string
	Duration  time.Duration
	Load      string
	Report    string
	JSON      bool
	Setup     bool
	Restore   bool
	State     string
	FailBelow float64
	Detail    string
	Most      int
	PCAP      string
	Lang      string
	WithCost  bool
	Cost      costConfig
}

var errInterrupted = errors.New("interrupted before anything was watched")

// envDSN is where a dsn with a password does not show in a list of processes.
const envDSN = "SPANBRIDGE_DSN"

func compareCommand() *cobra.Command {
	var c compareConfig
	cmd := &cobra.Command{
		Use: "compare", Short: "What probes, Performance Schema and logs each tell of the same statements", Args: exactArgs(0),
		Long: `Watch a MySQL or MariaDB server in several ways at the same time, and say which
statements each of them saw, what it lost and why, and how far they agree.

Without --setup nothing of the server is changed: ways that are switched off are
named, with the mend. With --setup they are switched on for the time, and put back
at the end; after a crash --restore does that.

It exits with 3 if there are not two ways to compare, and with 4 if an account has less
than --fail-below.

The dsn is that of Go's driver, such as user:password@tcp(127.0.0.1:3306)/database
or user:password@unix(/run/mysqld/mysqld.sock)/database. In ` + envDSN + ` it does not
show in a list of processes.`,
		Example: `  sudo ` + envDSN + `='root@unix(/run/mysqld/mysqld.sock)/test' spanbridge compare --duration 30s
  sudo spanbridge compare --dsn '...' --load mixed --setup --report report
  sudo spanbridge compare --dsn '...' --restore`,
	}
	c.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := errors.Join(c.validate(), c.idle(cmd)); err != nil {
			return &exitError{exitUsage, err}
		}
		if c.Restore {
			return restoreSettings(cmd.Context(), &c)
		}
		return runComparison(cmd.Context(), &c)
	}
	return cmd
}

// idle names flags that would do nothing.
func (c *compareConfig) idle(cmd *cobra.Command) error {
	var errs []error
	if !c.WithCost {
		errs = append(errs, idle(cmd, "--cost", "methods", "rounds", "slice"))
	}
	if c.Report == "" {
		errs = append(errs, idle(cmd, "--report", "lang"))
	}
	if len(c.Accounts) > 0 && !slices.Contains(c.Accounts, "wire") {
		errs = append(errs, idle(cmd, "the account wire", "pcap"))
	}
	return errors.Join(errs...)
}

// loadForms are the loads there are.
const loadForms = "mixed[:statements=N,connections=N,seed=N], sysbench:NAME[:threads=N,tables=N,rows=N,prepared=0] or cmd:COMMAND"

// serverFlags are those that say which server, and where its settings are remembered.
func (c *compareConfig) serverFlags(f *pflag.FlagSet) {
	f.StringVar(&c.DSN, "dsn", "", "how to connect to the server, as Go's driver is told (default: $"+envDSN+")")
	f.StringVarP(&c.Target, "target", "t", "", "the server's process, `PID` (default: found by what the server says of itself)")
	f.StringVar(&c.State, "state", "", "where settings are written down before they are changed, `FILE` (default: spanbridge/compare.json in $XDG_STATE_HOME or ~/.local/state)")
}

func (c *compareConfig) flags(f *pflag.FlagSet) {
	c.serverFlags(f)
	f.StringSliceVarP(&c.Accounts, "accounts", "a", nil, "ways to watch, of "+strings.Join(accountNames(), ", ")+" (default: all that can be had)")
	f.DurationVar(&c.Duration, "duration", 30*time.Second, "how long to watch; a load may end earlier")
	f.StringVar(&c.Load, "load", "", "make work: "+loadForms+" (default: watch what there is)")
	f.StringVar(&c.Report, "report", "", "write the report into this `DIR`: report.json and report.html")
	f.BoolVar(&c.JSON, "json", false, "print the report as JSON")
	f.BoolVar(&c.Setup, "setup", false, "change the server's settings for the time, so that every way can be had, and put them back")
	f.BoolVar(&c.Restore, "restore", false, "put back what a comparison or an experiment has left changed that was killed, and do nothing else")
	f.Float64Var(&c.FailBelow, "fail-below", 0, "exit with code 4 if an account has less than this `PERCENT` of the statements")
	f.StringVar(&c.Detail, "detail", "phases", "how closely the probes look: query, phases or stages")
	f.StringVar(&c.PCAP, "pcap", "", "for the account wire read this `FILE` at the end, which tcpdump -w writes meanwhile (default: run tcpdump)")
	f.IntVar(&c.Most, "most", 500_000, "statements that are kept of each account")
	f.BoolVar(&c.WithCost, "cost", false, "then measure what each method costs the server under the load: its settings change for the time, and are put back")
	c.Cost.flags(f)
	f.StringVar(&c.Lang, "lang", "en", "language of the page: "+strings.Join(report.Languages(), " or "))
}

// validate reports all faults.
func (c *compareConfig) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, c.validateServer())
	if c.WithCost {
		errs = append(errs, c.Cost.validate())
		if c.Load == "" {
			fault("--cost: slices can only be compared of a load: say which one with --load")
		}
	}
	for _, name := range c.Accounts {
		if !slices.Contains(accountNames(), name) {
			fault("--accounts: unknown account %q: want some of %s", name, strings.Join(accountNames(), ", "))
		}
	}
	if named := slices.DeleteFunc(slices.Clone(c.Accounts), func(name string) bool { return name == "errorlog" }); len(c.Accounts) > 0 && len(named) < 2 {
		fault("--accounts: want two to compare at least; errorlog is none of statements")
	}
	if slices.Contains(c.Accounts, "journal") && !c.mixed() {
		fault("--accounts: only --load mixed keeps a journal")
	}
	if c.Duration <= 0 {
		fault("--duration: %v is not above 0", c.Duration)
	}
	if c.FailBelow < 0 || c.FailBelow > 100 {
		fault("--fail-below: %v is not within 0 and 100", c.FailBelow)
	}
	if !isDetail(c.Detail) {
		fault("--detail: unknown level %q: want one of %v", c.Detail, catalog.Details())
	}
	if c.Most < 1 {
		fault("--most: %d is not above 0", c.Most)
	}
	if !slices.Contains(report.Languages(), c.Lang) {
		fault("--lang: unknown language %q: want %s", c.Lang, strings.Join(report.Languages(), " or "))
	}
	return errors.Join(errs...)
}

// validateServer reports faults of how to find the server, and of the load.
func (c *compareConfig) validateServer() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if pid, err := strconv.Atoi(c.Target); c.Target != "" && (err != nil || pid <= 0) {
		fault("--target: %q is not the number of a process", c.Target)
	}
	c.DSN = cmp.Or(c.DSN, os.Getenv(envDSN))
	if c.DSN == "" {
		fault("--dsn: say how to connect to the server, such as user:password@tcp(127.0.0.1:3306)/database, here or in %s", envDSN)
	} else if _, err := mysql.ParseDSN(c.DSN); err != nil {
		fault("--dsn: %v", err) // the driver's messages do not show it
	} else if c.Load != "" {
		if l, err := load.Parse(c.Load, c.DSN); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

func (c *compareConfig) mixed() bool {
	kind, _, _ := strings.Cut(c.Load, ":")
	return kind == "mixed"
}

// stateFile is where settings are written down before they are changed.
func (c *compareConfig) stateFile() (string, error) {
	if c.State != "" {
		return c.State, nil
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("where to write down what is changed: %w: name a file with --state", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	dir = filepath.Join(dir, "spanbridge")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("where to write down what is changed: %w: name a file with --state", err)
	}
	return filepath.Join(dir, "compare.json"), nil
}

// connectTime is how long a server may take to answer.
const connectTime = 10 * time.Second

func short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), connectTime)
}

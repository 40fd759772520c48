// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/probes"
)

// Exit codes. They are stable: other programs call this one.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitMissing = 3 // privilege, kernel feature or probes
	exitLoss    = 4 // more lost than allowed, or worse than the baseline
)

// exitError carries an exit code with an error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func missingError(format string, args ...any) error {
	return &exitError{exitMissing, fmt.Errorf(format, args...)}
}

// rootCommand makes all commands.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "spanbridge",
		Short: "Database spans from the inside: probes of a running server as OpenTelemetry",
		Long: `spanbridge attaches eBPF programs to probes of a running database server and
delivers every statement as an OpenTelemetry span, under the application's own
trace, and as metrics. The server is neither changed nor restarted.

  sudo spanbridge run                      spans of every known server to OTLP
  sudo spanbridge run --export console     the same, drawn in this terminal
  sudo spanbridge doctor                   what can be seen here, and what is missing
  sudo spanbridge demo                     see it work, with a private server`,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w; see: %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(runCommand(), doctorCommand(), probesCommand(), profilesCommand(), checkCommand(), compareCommand(), experimentCommand(), demoCommand(), versionCommand())
	return root
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line == context.Canceled.Error() {
			line = "interrupted"
		}
		logf("%s", line)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var coded *exitError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, probes.ErrPrivilege), errors.Is(err, probes.ErrKernel):
		return exitMissing
	case strings.HasPrefix(err.Error(), "unknown command"):
		return exitUsage
	}
	return exitFailed
}

// logf tells the user something, on standard error.
func logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "spanbridge: "+format+"\n", args...)
}

// group is a command that only holds others. Cobra shows the help of such a
// command, and succeeds, whatever its arguments.
func group(name, short string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError("unknown command %q for %q", args[0], cmd.CommandPath())
		}
		return cmd.Help()
	}}
}

// exactArgs refuses more arguments than those, and fewer.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > n:
			return usageError("unexpected argument %q; usage: %s", args[n], cmd.UseLine())
		case len(args) < n:
			return usageError("an argument is missing; usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// idle names flags that were given and do nothing without another one.
func idle(cmd *cobra.Command, without string, flags ...string) error {
	var errs []error
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			errs = append(errs, fmt.Errorf("--%s: does nothing without %s", name, without))
		}
	}
	return errors.Join(errs...)
}

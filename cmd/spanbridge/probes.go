// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

func probesCommand() *cobra.Command {
	cmd := group("probes", "Look at the probes of a program")
	var asJSON bool
	list := &cobra.Command{
		Use: "list NAME|PID|PATH|ADDRESS", Short: "List USDT probes of a program, or probes in the kernel, with their arguments", Args: exactArgs(1),
		Long: `List every USDT probe of a program with its sites and arguments: of a running
process with its libraries, or of a file. Or list the probes in the kernel that an
address stands for, which may have * in it, with the names and types of their
fields.`,
		Example: `  spanbridge probes list /usr/lib/postgresql/15/bin/postgres
  sudo spanbridge probes list 'tracepoint:block:*'
  sudo spanbridge probes list 'kprobe:vfs_fsync*'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a, err := catalog.ParseAddress(args[0]); inKernel(args[0]) && (err != nil || a.Kind.Kernel()) {
				if err != nil {
					return usageError("%v", err)
				}
				return listKernel(cmd.OutOrStdout(), a, asJSON)
			}
			target, err := probes.ParseTarget(args[0])
			if err != nil {
				return usageError("%v", err)
			}
			files, err := probes.List(target)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), files)
			}
			return printProbes(cmd.OutOrStdout(), files)
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	generate := &cobra.Command{
		Use: "generate NAME|PID|PATH", Short: "Print a profile to start from, made of the USDT probes", Args: exactArgs(1),
		Long: `Print a profile to start from, made of the USDT probes of a program: of a running
process with its libraries, or of a file. It can be run as it is; comments in it
say what is left to do.`,
		Example: `  spanbridge probes generate /usr/lib/postgresql/15/bin/postgres > my.yaml
  spanbridge profiles check my.yaml
  sudo spanbridge run --profile my.yaml --export console`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := probes.ParseTarget(args[0])
			if err != nil {
				return usageError("%v", err)
			}
			text, err := probes.Generate(target)
			if errors.Is(err, probes.ErrNoProbes) {
				return &exitError{exitMissing, err}
			}
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.AddCommand(list, generate)
	return cmd
}

// inKernel reports whether an argument is the address of a probe, and no path.
func inKernel(arg string) bool { return strings.Contains(arg, ":") && !strings.Contains(arg, "/") }

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func listKernel(out io.Writer, a catalog.Address, asJSON bool) error {
	r, err := probes.ListKernel(a)
	if err != nil {
		return &exitError{exitMissing, err}
	}
	if asJSON {
		return printJSON(out, r)
	}
	for _, p := range r.Probes {
		fmt.Fprintln(out, p.Probe)
		if p.Refused != "" {
			fmt.Fprintf(out, "  is not attached: %s\n", p.Refused)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, f := range p.Fields {
			fmt.Fprintf(w, "  %s\t%s\n", f.Name, f.Type)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if p.Returns != "" {
			fmt.Fprintf(out, "  returned: %s\n", p.Returns)
		}
	}
	if r.Refused != "" {
		fmt.Fprintf(out, "none can be attached: %s\n", r.Refused)
	}
	_, err = fmt.Fprintf(out, "%d probes\n", len(r.Probes))
	return err
}

func printProbes(out io.Writer, files []probes.FileReport) error {
	sites, names := 0, 0
	for _, f := range files {
		fmt.Fprintln(out, f.Path)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, p := range f.Probes {
			names++
			for i, s := range p.Sites {
				sites++
				name := p.Provider + ":" + p.Name
				if i > 0 {
					name = strings.Repeat(" ", len(name))
				}
				fmt.Fprintf(w, "  %s\t%#x\t%s\t%s\t%s\n", name, s.Offset, s.Instruction, semaphore(s.Semaphore), strings.Join(s.Args, " "))
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d probes, %d sites\n", names, sites)
	return err
}

func semaphore(offset uint64) string {
	if offset == 0 {
		return "-"
	}
	return fmt.Sprintf("semaphore %#x", offset)
}

func join(list []string) string { return strings.Join(list, ", ") }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

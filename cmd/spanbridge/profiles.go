// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

func profilesCommand() *cobra.Command {
	cmd := group("profiles", "Show and validate profiles: what spanbridge knows of a kind of server")
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the built-in profiles", Args: exactArgs(0), RunE: listProfiles},
		&cobra.Command{Use: "show NAME", Short: "Print a profile, to start your own from", Args: exactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := catalog.Load(args[0])
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(p.Source)
				return err
			}},
		&cobra.Command{Use: "check FILE", Short: "Validate a profile: all faults, each with line and path", Args: exactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := catalog.Load(args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, profile %s with %d operations\n", args[0], p.Name, len(p.Operations))
				return err
			}},
		&cobra.Command{Use: "schema", Short: "Print the JSON Schema of profiles, for editors", Args: exactArgs(0),
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := cmd.OutOrStdout().Write(catalog.Schema())
				return err
			}},
	)
	return cmd
}

func listProfiles(cmd *cobra.Command, _ []string) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tEXECUTABLES\tTESTED\tTITLE")
	for _, p := range catalog.Builtin() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, join(p.Match.Executables), orDash(join(p.Tested)), p.Title)
	}
	return w.Flush()
}

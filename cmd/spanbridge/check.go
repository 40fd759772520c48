// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Validate a configuration file: all faults, each with its place", Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := defaultConfig()
			if err := c.read(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", args[0])
			return err
		},
	}
}

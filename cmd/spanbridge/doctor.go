// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/probes"
)

func doctorCommand() *cobra.Command {
	settings := defaultConfig()
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what this host and its servers allow, and what to do about the rest", Args: exactArgs(0),
		Long: `Check the host's kernel and this process's privileges, then say of every running
server which operations can be seen, by which tier, what that costs and what it
lacks. Names of sites and their addresses are in the JSON.

Nothing is attached, and no server is touched: files are read, the kernel is
asked to verify the programs, and then they are freed.

It exits with 0 if every operation of every target is served, 3 if a privilege, a
kernel feature or the probes of an operation are missing, 1 if a target is not
running or no profile knows it, and 2 if it was called wrongly.`,
		Example: `  sudo spanbridge doctor
  sudo spanbridge doctor --target mysqld --detail stages
  sudo spanbridge doctor --json | jq '.targets[].unseen'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := settings.validate(); err != nil {
				return &exitError{exitUsage, byFlags(cmd, err)}
			}
			found, err := diagnose(&settings)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				err = encoder.Encode(found)
			} else {
				err = (&doctorPage{out: cmd.OutOrStdout(), color: terminal(os.Stdout).Color}).print(found)
			}
			if err != nil {
				return err
			}
			return found.verdict(settings.Targets)
		},
	}
	settings.lookFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// diagnosis is what doctor prints as JSON. docs/doctor.md defines the names.
type diagnosis struct {
	Served bool           `json:"served"` // whether nothing is missing
	Detail string         `json:"detail"`
	Host   []probes.Check `json:"host"`
	*probes.Examination
}

func diagnose(settings *config) (*diagnosis, error) {
	cfg, err := settings.probesConfig()
	if err != nil {
		return nil, err
	}
	d := &diagnosis{Detail: settings.Detail, Host: probes.CheckHost()}
	if d.Examination, err = probes.Examine(cfg); err != nil {
		return nil, err
	}
	d.Served = d.verdict(settings.Targets) == nil
	return d, nil
}

// verdict is an error that says what is missing, with the exit code for it.
func (d *diagnosis) verdict(targets []string) error {
	var host, unseen []string
	for _, c := range d.Host {
		if c.State == probes.StateMissing {
			host = append(host, c.Name)
		}
	}
	for _, h := range d.Hosts {
		if n := len(h.Unseen); n > 0 {
			unseen = append(unseen, fmt.Sprintf("%d of %s", n, h.Profile))
		}
	}
	for _, t := range d.Targets {
		if n := len(t.Unseen); n > 0 {
			unseen = append(unseen, fmt.Sprintf("%d of process %d", n, t.PID))
		}
	}
	switch {
	case len(host) > 0:
		return missingError("nothing can be attached for lack of: %s", join(host))
	case len(d.Unknown) > 0:
		u := d.Unknown[0]
		return fmt.Errorf("process %d (%s): %s", u.PID, u.Executable, u.Reason)
	case len(targets) > 0 && len(d.Targets) == 0 && len(d.Hosts) == 0:
		return fmt.Errorf("no process %s is running", strings.Join(targets, " or "))
	case len(unseen) > 0:
		return missingError("operations that cannot be seen: %s", join(unseen))
	}
	return nil
}

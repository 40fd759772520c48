// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/compare/experiment"
)

func macroCommand() *cobra.Command {
	var b baseline
	var c compareConfig
	cmd := &cobra.Command{
		Use: "macro", Short: "What each way to watch a server costs it, under a load", Args: exactArgs(0),
		Long: `Run a load on a MySQL or MariaDB server in slices, with one method on at a time, in an
order drawn by lot, and say what each method costs: processor time of the server for a
statement, throughput, latency and bytes written, as ratios to nothing.

Settings of the server are changed for the time, and put back; after a crash
"spanbridge compare --restore" does that. "Nothing" is with every log, the telemetry component
and all consumers of Performance Schema switched off.

The figures of the server itself, which are not ratios, hold on a machine that nobody else uses.`,
		Example: `  sudo ` + envDSN + `='root@unix(/run/mysqld/mysqld.sock)/test' spanbridge experiment macro --load sysbench:oltp_point_select
  sudo spanbridge experiment macro --dsn '...' --load mixed --methods uprobe,slowlog --save before.json
  sudo spanbridge experiment macro --dsn '...' --load mixed --methods uprobe,slowlog --baseline before.json`,
	}
	f := cmd.Flags()
	c.serverFlags(f)
	f.StringVar(&c.Load, "load", "", "the work: "+loadForms)
	c.Cost.flags(f)
	b.flags(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		err := errors.Join(c.validateServer(), c.Cost.validate())
		if c.Load == "" {
			err = errors.Join(err, errors.New("--load: say what the server has to do, such as sysbench:oltp_point_select"))
		}
		if err != nil {
			return &exitError{exitUsage, err}
		}
		was, err := b.load(cmd, experiment.Macro)
		if err != nil {
			return err
		}
		is, err := macro(cmd.Context(), &c)
		if err != nil {
			return err
		}
		return b.settle(was, is)
	}
	return cmd
}

func macro(ctx context.Context, config *compareConfig) (_ *experiment.Document, err error) {
	c := &comparison{config: config}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	r, err := c.cost(ctx)
	if err != nil {
		return nil, err
	}
	return experiment.OfCost(experiment.Here(version), r), nil
}

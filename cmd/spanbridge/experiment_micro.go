// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanbridge/spanbridge/compare/experiment"
	"github.com/spanbridge/spanbridge/compare/interval"
	"github.com/spanbridge/spanbridge/probes/hits"
)

func microCommand() *cobra.Command {
	var b baseline
	rounds := 12
	cmd := &cobra.Command{
		Use: "micro", Short: "What one hit of a probe costs here, by its kind and its instruction", Args: exactArgs(0),
		Long: `Attach empty programs to functions of this program and to the kernel, and measure
what a hit takes of the thread that hits it; and how fast records go through a ring
buffer. It takes some fifteen seconds.`,
		Example: `  sudo spanbridge experiment micro
  sudo spanbridge experiment micro --save before.json
  sudo spanbridge experiment micro --baseline before.json`,
	}
	cmd.Flags().IntVar(&rounds, "rounds", rounds, "slices of each kind")
	b.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if rounds < interval.Least {
			return usageError("--rounds: %d give no interval: want at least %d", rounds, interval.Least)
		}
		was, err := b.load(cmd, experiment.Micro)
		if err != nil {
			return err
		}
		is, err := micro(cmd.Context(), rounds)
		if err != nil {
			return err
		}
		return b.settle(was, is)
	}
	return cmd
}

func micro(ctx context.Context, rounds int) (*experiment.Document, error) {
	measured, err := hits.Measure(ctx, rounds, hits.Empty())
	if err != nil {
		return nil, err
	}
	var samples []experiment.Sample
	seen := false
	for _, k := range measured.Kinds {
		seen = seen || k.Missing == "" && k.Name != "syscall"
		samples = append(samples, experiment.Sample{Name: k.Name, What: k.What, Unit: "ns", Missing: k.Missing, Values: k.Ns, Steps: k.Steps})
	}
	if !seen {
		return nil, missingError("no probe can be attached: %s; see: spanbridge doctor", measured.Kinds[0].Missing)
	}
	r := measured.Ring
	return experiment.OfSamples(experiment.Here(version), append(samples,
		experiment.Sample{Name: "ring/write", What: fmt.Sprintf("a record of %d bytes into a ring buffer", hits.RecordBytes), Unit: "ns", Missing: r.Missing, Values: r.WriteNs, Steps: r.Steps},
		experiment.Sample{Name: "ring/read", What: "the same record out of it", Unit: "ns", Missing: r.Missing, Values: r.ReadNs, Steps: r.Steps})), nil
}

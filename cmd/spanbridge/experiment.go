// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/spanbridge/spanbridge/compare/experiment"
)

func experimentCommand() *cobra.Command {
	cmd := group("experiment", "What probes cost here, and whether that has become more")
	cmd.Long = `Measure what a hit of a probe costs on this host (micro), or what each way to watch
a server costs it under a load (macro). Every figure comes with its interval of 95 %.

With --save the figures are kept, with the environment that they depend on. With
--baseline they are held to those that were kept, and the exit code is 4 if one is
worse: if its whole interval lies beyond that of the baseline, by more than the
threshold. Intervals that overlap decide nothing.`
	cmd.AddCommand(microCommand(), macroCommand(), judgeCommand())
	return cmd
}

func judgeCommand() *cobra.Command {
	var b baseline
	cmd := &cobra.Command{
		Use: "judge BASELINE FILE", Short: "Hold the figures of one file to those of another", Args: exactArgs(2),
		Long: `Hold the figures of one file to those of another, which --save of an experiment has
written. Nothing is measured. The exit code is 4 if a figure is worse.`,
		Example: `  spanbridge experiment judge before.json after.json`,
	}
	b.judgeFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		is, err := experiment.Load(args[1])
		if err != nil {
			return usageError("%w", err)
		}
		b.File = args[0]
		was, err := b.load(cmd, is.Kind)
		if err != nil {
			return err
		}
		return b.settle(was, is)
	}
	return cmd
}

// baseline is what both kinds of experiments do with their figures.
type baseline struct {
	Save, File string
	Threshold  float64
	Insist     bool
	JSON       bool
}

func (b *baseline) flags(f *pflag.FlagSet) {
	f.StringVar(&b.Save, "save", "", "keep the figures in this `FILE`, as JSON")
	f.StringVar(&b.File, "baseline", "", "hold the figures to those in this `FILE`; exit with code 4 if one is worse")
	b.judgeFlags(f)
}

func (b *baseline) judgeFlags(f *pflag.FlagSet) {
	f.Float64Var(&b.Threshold, "threshold", 0.1, "how much worse a figure has to be, as a share of the baseline")
	f.BoolVar(&b.Insist, "insist", false, "compare although the baseline is of another environment")
	f.BoolVar(&b.JSON, "json", false, "print the figures as JSON")
}

// load reads the baseline before anything is measured, and sees whether figures can be kept.
func (b *baseline) load(cmd *cobra.Command, kind string) (*experiment.Document, error) {
	if b.Threshold < 0 {
		return nil, usageError("--threshold: %v is negative", b.Threshold)
	}
	if b.Save != "" {
		if err := writable(filepath.Dir(b.Save)); err != nil {
			return nil, fmt.Errorf("--save: %w", err)
		}
	}
	if b.File == "" {
		if err := idle(cmd, "--baseline", "threshold", "insist"); err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return nil, nil
	}
	d, err := experiment.Load(b.File)
	if err != nil {
		return nil, usageError("baseline: %w", err)
	}
	if d.Kind != kind {
		return nil, usageError("baseline: %s is of a %s experiment", b.File, d.Kind)
	}
	return d, nil
}

// outcome is what is printed as JSON.
type outcome struct {
	*experiment.Document
	Judgement *experiment.Judgement `json:"judgement,omitempty"`
}

// settle keeps, judges and prints.
func (b *baseline) settle(was, is *experiment.Document) error {
	if b.Save != "" {
		if err := is.Save(b.Save); err != nil {
			return fmt.Errorf("--save: %w", err)
		}
	}
	out := outcome{Document: is}
	if was != nil {
		var err error
		out.Judgement, err = experiment.Judge(was, is, b.Threshold, b.Insist)
		var different *experiment.DifferentError
		if errors.As(err, &different) {
			err = usageError("%w; compare nevertheless with --insist", err)
		}
		if err != nil {
			return err
		}
	}
	if err := b.print(&out); err != nil {
		return err
	}
	if out.Judgement != nil && len(out.Judgement.Worse()) > 0 {
		return &exitError{exitLoss, fmt.Errorf("worse than in %s: %s", b.File, strings.Join(out.Judgement.Worse(), ", "))}
	}
	return nil
}

func (b *baseline) print(out *outcome) error {
	if !b.JSON {
		return experimentPage{os.Stdout, terminal(os.Stdout).Width}.draw(out)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

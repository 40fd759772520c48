// SPDX-License-Identifier: Apache-2.0

// Package experiment keeps what an experiment came to, with the environment that it was
// made in, and decides whether a later one shows a regression.
//
// # The decision
//
// Each figure has an interval of 95 % (package interval). A figure is worse than the
// baseline only if its whole interval lies beyond the baseline's whole interval, and
// beyond by more than the threshold: two intervals that overlap decide nothing. Without an
// effect that happens by chance in fewer than 3 of 1,000 figures.
//
// What the machine does in the minutes of one experiment is in its intervals; that its
// processor has another speed in those of the other one is not. Figures of micro
// experiments therefore come with what a step of arithmetic took at the same moments,
// and are worse only if they are worse in those units, too.
//
// Experiments of different environments are not compared, unless one insists: see
// [Environment.Differences].
package experiment

// SPDX-License-Identifier: Apache-2.0

// Package interval estimates, from pairs of measurements, by how much one thing
// differs from another, and between which bounds the truth lies in 95 of 100 cases.
//
// # The method
//
// The estimate is that of Hodges and Lehmann: the median of the averages of all pairs
// of values (Walsh averages), each value with itself included. The bounds are those
// Walsh averages that the signed-rank test of Wilcoxon at 5 % does not refuse, by the
// exact distribution of its statistic. (Hollander, Wolfe, Chicken: Nonparametric
// Statistical Methods, 3.1 to 3.3.) Nothing is assumed of the noise but that it is as
// likely to go up as to go down, which holds where the order of both slices
// of a pair was drawn by lot; a drift of the machine and single slices gone wrong
// are harmless. Ratios are estimated by their logarithms, so that twice as much and
// half as much are equally far from 1.
//
// With fewer than [Least] pairs no interval of 95 % exists, and none is given.
package interval

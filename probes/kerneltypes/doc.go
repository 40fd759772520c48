// SPDX-License-Identifier: Apache-2.0

// Package kerneltypes finds the arguments of functions and raw tracepoints of
// the running kernel by name, and the fields behind them, in the kernel's own
// description of its types (BTF).
package kerneltypes

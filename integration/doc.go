// SPDX-License-Identifier: Apache-2.0

// Package integration proves spanbridge against real servers, real backends
// and the real kernel. Its tests need root and the build tag integration;
// "make test-integration" runs them.
//
// Tests that measure durations, count what the whole host does or load it run one
// after the other. The others, which call Parallel, have servers of their own and
// mostly wait: they come last, side by side.
//
// It holds no code that the product uses.
package integration

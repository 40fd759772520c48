// SPDX-License-Identifier: Apache-2.0

// Package integration proves spanbridge against real servers, real backends
// and the real kernel. Its tests need root and the build tag integration;
// "make test-integration" runs them.
//
// It holds no code that the product uses.
package integration

// SPDX-License-Identifier: Apache-2.0

// Package experiment tests the experiments of spanbridge on this kernel and on real
// servers: that each method is on in its own slices only, that settings are put back
// whatever happens, and that regressions are found and none is invented.
package experiment

// SPDX-License-Identifier: Apache-2.0

// Package kernel proves the eBPF programs against programs of its own, whose
// probes fire exactly what a test asks for (fixtures/), and measures what a
// probe costs the thread that hits it. Tests that call Parallel look at what their
// own fixture does, and at no durations.
//
// Its tests need root and the build tag integration. It holds no code that the
// product uses.
package kernel

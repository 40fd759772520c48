// SPDX-License-Identifier: Apache-2.0

// Package spans is the account of the probes: what the spans of a bridge tell of
// statements. It is an exporter among others, so that what it tells is what any
// receiver of spans is told, and it has the ledger's word for what was lost.
//
// A span's clock is the host's. Its texts are without literals.
package spans

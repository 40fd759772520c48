// SPDX-License-Identifier: Apache-2.0

// Package suite runs the same statements against every server and tier and holds
// what the spans tell against what is true: what the clients got, and what the
// server's own tables say.
//
// statements.yaml holds the statements, expected.yaml what each tier tells. Both
// are data: a field that is promised has to be right on every statement to which
// it applies, and one that is not promised has to be absent. docs/servers.md is
// made of expected.yaml. The package holds no code but its tests, and they know
// no profile.
package suite

// SPDX-License-Identifier: Apache-2.0

// Package accessor holds the tests of probes/accessor against the real
// servers' binaries: the chains that their own getters and setters decode to,
// and what must hold between these whatever the version.
//
// It holds no code besides tests.
package accessor

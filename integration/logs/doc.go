// SPDX-License-Identifier: Apache-2.0

// Package logs holds what is read in the logs of real servers against what their
// clients did, and the reading of slow logs against pt-query-digest. It holds
// no code but its tests.
package logs

// SPDX-License-Identifier: Apache-2.0

// Package catalog reads profiles: YAML files that say which operations a kind
// of server has, by which probes they are seen, and what becomes of them.
//
// Built-in profiles and those of users have one format. [Parse] reads it and
// reports every fault with file, line and path; [Schema] is the same format as
// JSON Schema (draft 2020-12) for editors. A [Profile] that Parse returned is
// complete and consistent: defaults are filled in, references resolve, limits
// of the kernel side are kept.
//
// The package is pure. It never opens a target's binary, resolves a symbol or
// attaches a probe: whether a probe exists in a given server is for others to
// find out, and [Where] lets them report it at its line in the profile.
package catalog

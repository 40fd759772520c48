// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"regexp"
	"unicode/utf8"
)

// form is what a text in a profile must look like. A pattern with a count of
// hundreds takes a thousand times as long to compile as a length beside it.
type form struct {
	pattern *regexp.Regexp
	most    int // characters; 0: the pattern says how many
	want    string
}

func (f form) fits(s string) bool {
	return (f.most == 0 || utf8.RuneCountInString(s) <= f.most) && f.pattern.MatchString(s)
}

// forms are named by the form tags of the profile's structs. The JSON Schema
// carries the same patterns and lengths.
var forms = map[string]form{
	"profile": {
		regexp.MustCompile(`^[a-z][a-z0-9-]*$`), 64,
		"a lower-case letter and up to 63 more letters, digits or '-'"},
	"operation": {
		regexp.MustCompile(`^[a-z][a-z0-9_.]*$`), 64,
		"a lower-case letter and up to 63 more letters, digits, '_' or '.'"},
	"parent": {
		regexp.MustCompile(`^([a-z][a-z0-9_.]*)?$`), 64,
		"the name of an operation"},
	"capture": {
		regexp.MustCompile(`^[a-z][a-z0-9_]*$`), 32,
		"a lower-case letter and up to 31 more letters, digits or '_'"},
	"role": {
		regexp.MustCompile(`^([a-z][a-z0-9_]*)?$`), 32,
		"the name of a capture"},
	"symbol": {
		regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$.@]*$`), 1000,
		"the exact name of a symbol"},
	"with": {
		regexp.MustCompile(`^[a-z][a-z0-9_.]*/[a-z][a-z0-9_-]*$`), 97,
		"an operation and its tier, such as query/uprobe"},
	"field": {
		regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.([A-Za-z0-9_]+|\([A-Za-z0-9_]+\))){0,7}$`), 535,
		"a name, or up to 8 of them with dots between, such as req.q.disk.disk_name"},
	"pattern": {
		regexp.MustCompile(`^[A-Za-z0-9_$*]+$`), 200,
		"the name of a variable, with * for any part"},
	"keep": {
		regexp.MustCompile("^[ -@[-~]+$"), 24,
		"1 to 24 characters of ASCII without capitals"},
	"tier": {
		regexp.MustCompile(`^[a-z][a-z0-9_-]*$`), 32,
		"a lower-case letter and up to 31 more letters, digits, '_' or '-'"},
	"attribute": {
		regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`), 128,
		"a letter and up to 127 more letters, digits, '_', '.' or '-'"},
	"number": {
		regexp.MustCompile(`^(0|[1-9][0-9]{0,18})$`), 0,
		"a whole number without sign and of at most 19 digits"},
	"system": {
		regexp.MustCompile(`^([a-z][a-z0-9_.-]*)?$`), 64,
		"a lower-case letter and up to 63 more letters, digits, '_', '.' or '-'"},
	// https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax
	"metric": {
		regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_./-]*)?$`), 255,
		"a letter and up to 254 more letters, digits, '_', '.', '/' or '-'"},
	// https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-unit
	"unit": {
		regexp.MustCompile(`^[!-~]+$`), 63,
		"a unit of UCUM of up to 63 characters, such as By or {packet}"},
	// The kernel cuts a file name at 255 bytes.
	"executable": {
		regexp.MustCompile(`^[^/\x00-\x1f\x7f]+$`), 255,
		"the base name of a file, without '/'"},
	"span": {
		regexp.MustCompile(`^(\{[a-z][a-z0-9_]*\}|[^{}\x00-\x1f\x7f]+)$`), 128,
		"{summary}, the name of a capture in braces, or literal text of at most 128 characters without braces"},
	"line": {
		regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`), 200,
		"one line of 1 to 200 characters"},
	"duration": {
		regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|h))+$`), 0,
		"a duration with its unit, such as 250us, 10ms or 1m30s"},
	// The address itself is checked by ParseAddress.
	"address": {
		regexp.MustCompile(`^[a-z]+:[^\x00-\x20\x7f]+$`), 0,
		"a probe address such as usdt:exe:PROVIDER:NAME"},
}

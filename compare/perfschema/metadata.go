// SPDX-License-Identifier: Apache-2.0

package perfschema

import "slices"

const exclusive = "EXCLUSIVE"

// conflicting are, by the type of metadata lock that is asked for, those that another connection must not have: the
// matrices of objects and of scopes in sql/mdl.cc of MySQL.
var conflicting = map[string][]string{
	"INTENTION_EXCLUSIVE":   {"SHARED", exclusive},
	"SHARED":                {exclusive, "INTENTION_EXCLUSIVE"},
	"SHARED_HIGH_PRIO":      {exclusive},
	"SHARED_READ":           {"SHARED_NO_READ_WRITE", exclusive},
	"SHARED_WRITE":          {"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_WRITE_LOW_PRIO": {"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_UPGRADABLE":     {"SHARED_UPGRADABLE", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_READ_ONLY":      {"SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_NO_WRITE": {"SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_UPGRADABLE", "SHARED_NO_WRITE",
		"SHARED_NO_READ_WRITE", exclusive},
	"SHARED_NO_READ_WRITE": {"SHARED_READ", "SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_UPGRADABLE", "SHARED_READ_ONLY",
		"SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
}

// waitsBehind are, by the type that is asked for, those that have priority if another connection waits for them, unless
// max_write_lock_count is exceeded.
var waitsBehind = map[string][]string{
	"INTENTION_EXCLUSIVE":   {"SHARED", exclusive},
	"SHARED":                {exclusive},
	"SHARED_READ":           {"SHARED_NO_READ_WRITE", exclusive},
	"SHARED_WRITE":          {"SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_WRITE_LOW_PRIO": {"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_UPGRADABLE":     {exclusive},
	"SHARED_READ_ONLY":      {"SHARED_WRITE", "SHARED_NO_READ_WRITE", exclusive},
	"SHARED_NO_WRITE":       {exclusive},
	"SHARED_NO_READ_WRITE":  {exclusive},
}

// conflicts reports whether a lock waits for one that another connection has. One of a type that is not known, as of
// MariaDB's backups, may do so.
func conflicts(asked, had string) bool {
	if asked == exclusive {
		return true
	}
	with, known := conflicting[asked]
	if _, knownToo := conflicting[had]; !known || !knownToo && had != exclusive {
		return true
	}
	return slices.Contains(with, had)
}

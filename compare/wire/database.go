// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"strings"
)

// moved follows the current database: by what the server says of it, or by what a command does.
func (c *conn) moved(q *command, o *outcome) {
	text := q.statement()
	switch {
	case o.moved:
		c.database, c.knowsDatabase = c.texts.Name(o.schema), true
	case q.code == comInitDB:
		c.database, c.knowsDatabase = q.schema, true
	case q.code == comChangeUser:
		c.user, c.database, c.knowsUser, c.knowsDatabase = q.user, q.schema, true, true
		c.prepared, c.textBytes = nil, 0
	case q.code != comQuery || !q.hasText:
	case hasVerb(text, "USE "):
		c.database, c.knowsDatabase = named(text[len("USE "):]), true
	case hasVerb(text, "DROP DATABASE ") || hasVerb(text, "DROP SCHEMA "):
		c.knowsDatabase = false // it may have been the current one
	}
}

// mayMove reports whether a command may change the current database.
func (q *command) mayMove() bool {
	return q.code == comInitDB || q.code == comChangeUser || slices.ContainsFunc(append(q.parts, q.text), func(text string) bool {
		return hasVerb(text, "USE ") || hasVerb(text, "DROP ")
	})
}

// named reads the name that a text consists of.
func named(text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), "; ")
	if inner, ok := strings.CutPrefix(text, "`"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, "`"), "``", "`")
	}
	return text
}

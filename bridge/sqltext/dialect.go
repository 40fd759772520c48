// SPDX-License-Identifier: Apache-2.0

package sqltext

// Dialect selects the lexical rules of a family of servers.
type Dialect uint8

const (
	// MySQL is MySQL, MariaDB and Percona Server: backslash escapes, "..." is
	// a string, `...` a name, # and "-- " begin comments.
	MySQL Dialect = iota
	// PostgreSQL has dollar quotes, E'...' strings, "..." names, nested
	// comments, and no backslash escapes in plain '...' strings.
	PostgreSQL
)

// String returns the value of the db.system.name attribute that the dialect is
// named after.
func (d Dialect) String() string {
	if d == PostgreSQL {
		return "postgresql"
	}
	return "mysql"
}

// class is the lexical class of one byte. The order matters: the classes up to
// clsDollar are those that continue an unquoted word; clsHigh, a byte of a
// multi-byte rune, does as well once its rune is known to be printable.
type class uint8

const (
	clsWord class = iota // letters and underscore
	clsDigit
	clsDollar
	clsHigh
	clsControl // shown as U+FFFD, which continues a word
	clsOp      // whatever needs no further look
	clsString  // begins a string
	clsName    // begins a quoted name
	clsPlus
	clsDot
	clsParam
	clsOpen
	clsClose
	clsComma
	clsSemicolon
	clsBackslash
	clsBlank // from here on: may continue white space or begin a comment
	clsSlash
	clsMinus
	clsHash
)

type classes [256]class

var (
	mysqlClasses      = newClasses(MySQL)
	postgresqlClasses = newClasses(PostgreSQL)
)

// classesOf returns the byte classes of d; an unknown dialect reads as MySQL.
func classesOf(d Dialect) *classes {
	if d == PostgreSQL {
		return &postgresqlClasses
	}
	return &mysqlClasses
}

func newClasses(d Dialect) classes {
	var t classes
	for i := range t {
		switch c := byte(i); {
		case c == '_', c|0x20 >= 'a' && c|0x20 <= 'z':
			t[i] = clsWord
		case c >= '0' && c <= '9':
			t[i] = clsDigit
		case c >= 0x80:
			t[i] = clsHigh
		case c == ' ', c >= '\t' && c <= '\r':
			t[i] = clsBlank
		case c < ' ', c == 0x7f:
			t[i] = clsControl
		default:
			t[i] = clsOp
		}
	}
	for c, k := range map[byte]class{
		'$': clsDollar, '\'': clsString, '/': clsSlash, '-': clsMinus, '+': clsPlus, '.': clsDot,
		'?': clsParam, '(': clsOpen, '[': clsOpen, ')': clsClose, ']': clsClose, ',': clsComma,
		';': clsSemicolon, '\\': clsBackslash,
	} {
		t[c] = k
	}
	if d == PostgreSQL {
		t['"'] = clsName
	} else {
		t['"'], t['`'], t['#'] = clsString, clsName, clsHash
	}
	return t
}

// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"strconv"

	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

const (
	keyLock       = "spanbridge.lock.type"
	keyNamespace  = "db.namespace"
	keyCollection = "db.collection.name"
)

// addLock appends what an inner operation waits for, and where the object is one
// of a database, its name. The name of a lock that a user made up, by GET_LOCK, is
// data, and is not told.
func (a *Assembler) addLock(op *Operation, d *Detail) {
	var database, table []byte
	object, tables := false, false // what is locked is an object of a database, and a table
	for i := range op.Fields {
		switch f := &op.Fields[i]; {
		case f.Role == RoleLock && len(d.Names[f.Slot]) > 0:
			var kind []byte
			kind, object = kindOfLock(bytes.ToLower(d.Names[f.Slot]))
			tables = string(kind) == "table"
			a.addName(keyLock, kind)
		case f.Role == RoleObject && len(d.Names[f.Slot]) > 0:
			database, table = splitKey(d.Names[f.Slot])
		case f.Role == RoleTable && len(d.Names[f.Slot]) > 0:
			database, table = splitFileName(d.Names[f.Slot])
			object, tables = true, true
		}
	}
	if object && len(database) > 0 {
		a.addName(keyNamespace, database)
	}
	if tables && len(table) > 0 {
		a.addName(keyCollection, table)
	}
}

// cloneDetails gives details that own their names.
func cloneDetails(details []Detail) []Detail {
	if len(details) == 0 {
		return nil
	}
	own := append([]Detail(nil), details...)
	for i := range own {
		for n, name := range own[i].Names {
			own[i].Names[n] = bytes.Clone(name)
		}
	}
	return own
}

func (a *Assembler) addName(key string, name []byte) {
	a.name = sqltext.ValidUTF8(a.name[:0], name)
	a.attrs = append(a.attrs, String(key, a.names.text(a.name)))
}

// kindOfLock gives the kind of lock of which a server says that it waits for it, as
// in "Waiting for table metadata lock", and whether that is a metadata lock on an
// object.
func kindOfLock(words []byte) (kind []byte, metadata bool) {
	kind = bytes.TrimPrefix(words, []byte("waiting for "))
	if kind, metadata = bytes.CutSuffix(kind, []byte(" metadata lock")); metadata {
		return kind, true
	}
	return bytes.TrimSuffix(kind, []byte(" lock")), false
}

// splitKey takes the key of a metadata lock apart: a byte, the name of a database,
// and a name within it, each ended by a NUL. One that is cut is none.
func splitKey(key []byte) (database, name []byte) {
	database, rest, ok := bytes.Cut(key[1:], []byte{0})
	if !ok {
		return nil, nil
	}
	name, _, ok = bytes.Cut(rest, []byte{0})
	if !ok {
		return database, nil
	}
	return database, name
}

// splitFileName takes InnoDB's name of a table apart, which is that of its file:
// database/table#p#partition.
func splitFileName(name []byte) (database, table []byte) {
	database, table, ok := bytes.Cut(name, []byte{'/'})
	if !ok {
		return nil, nil
	}
	for _, mark := range []string{"#p#", "#P#"} {
		table, _, _ = bytes.Cut(table, []byte(mark))
	}
	return plainName(database), plainName(table)
}

// plainName decodes what a file name cannot have, which is written as @ and four
// hexadecimal digits. A name with other such marks, which stand for letters, is
// not told (tablename_to_filename, sql/sql_table.cc).
func plainName(name []byte) []byte {
	if bytes.IndexByte(name, '@') < 0 {
		return name
	}
	var plain []byte
	for len(name) > 0 {
		if name[0] != '@' {
			plain, name = append(plain, name[0]), name[1:]
			continue
		}
		if len(name) < 5 {
			return nil
		}
		n, err := strconv.ParseUint(string(name[1:5]), 16, 16)
		if err != nil {
			return nil
		}
		plain, name = append(plain, string(rune(n))...), name[5:]
	}
	return plain
}

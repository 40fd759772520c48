// SPDX-License-Identifier: Apache-2.0

package slowlog

const maxConnections = 64 << 10

// databases tells the database of a statement in a file of MySQL, which names
// one only where it is another than that of the entry before, of whatever
// connection; of a session that has none it says nothing at all. So an entry
// without a name has that of the entry before if its connection has any, which is
// known once it was named for it.
type databases struct {
	current string
	have    map[uint64]bool
}

func (d *databases) named(connection uint64, name string) {
	d.current = name
	if connection == 0 {
		return // the log does not tell it (log_short_format)
	}
	if d.have == nil || len(d.have) >= maxConnections {
		d.have = make(map[uint64]bool)
	}
	d.have[connection] = true
}

func (d *databases) of(connection uint64) (name string, known bool) {
	return d.current, d.have[connection]
}

// forget a connection: its user was changed, and maybe the database.
func (d *databases) forget(connection uint64) { delete(d.have, connection) }

// forgetAll connections: a database was dropped, or the server began anew.
func (d *databases) forgetAll() { clear(d.have) }

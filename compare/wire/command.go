// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// Commands (enum_server_command), as far as they matter.
const (
	comQuit            = 0x01
	comInitDB          = 0x02
	comQuery           = 0x03
	comFieldList       = 0x04
	comStatistics      = 0x09
	comChangeUser      = 0x11
	comBinlogDump      = 0x12
	comTableDump       = 0x13
	comPrepare         = 0x16
	comExecute         = 0x17
	comLongData        = 0x18
	comClose           = 0x19
	comSetOption       = 0x1b
	comFetch           = 0x1c
	comBinlogDumpGTID  = 0x1e
	comResetConnection = 0x1f
	comClone           = 0x20
	comGroupStream     = 0x21
	comBulkExecute     = 0xfa // MariaDB
)

// command is a request of a client, until it is answered.
type command struct {
	code    byte
	number  uint64 // of the segment that it began in
	start   int64  // of the segment that it ended in
	reply   uint32 // where in the server's stream its answer begins
	seq     uint8  // of its last packet
	text    string
	hasText bool
	cut     bool
	parts   []string // of the text, once it is known to hold several statements
	part    int      // that is answered
	stmt    uint32   // the prepared statement
	user    string   // of COM_CHANGE_USER
	schema  string   // the same, and of COM_INIT_DB
	begun   bool
	answer  answer
}

func (c *command) kind() compare.Kind {
	switch c.code {
	case comQuery:
		return compare.Query
	case comExecute, comBulkExecute:
		return compare.Execute
	}
	return compare.Other
}

// silent reports whether nothing answers the command.
func (c *command) silent() bool {
	return c.code == comQuit || c.code == comClose || c.code == comLongData
}

// stream reports whether the server goes on talking, in a way that is not read here.
func (c *command) stream() bool {
	switch c.code {
	case comBinlogDump, comBinlogDumpGTID, comTableDump, comClone, comGroupStream:
		return true
	}
	return false
}

// isCommand reports whether a packet of a client may be a command by its first byte.
func isCommand(code byte) bool {
	return code >= comQuit && code <= comGroupStream || code == comBulkExecute
}

// readCommand reads a packet that begins an exchange.
func (c *conn) readCommand(p *packet) *command {
	q := &command{code: p.head[0], number: p.number, start: p.at, reply: p.ack, seq: p.last}
	body := p.head[1:]
	q.cut = len(p.head) < p.size
	switch q.code {
	case comQuery:
		if text, ok := c.queryText(body); ok {
			c.setText(q, text)
		}
	case comPrepare:
		c.setText(q, body)
	case comExecute, comClose, comFetch, comBulkExecute, comLongData:
		q.stmt = uint32(fieldsOf(body).uint(4))
	case comInitDB:
		q.schema = c.texts.Name(body)
	case comChangeUser:
		if user, database, ok := readChangeUser(body); ok {
			q.user, q.schema = c.texts.Name(user), c.texts.Name(database)
		}
	}
	return q
}

func (c *conn) setText(q *command, text []byte) {
	q.cut = q.cut || len(text) > logfile.MaxText
	q.text, q.hasText = c.texts.Statement(text[:min(len(text), logfile.MaxText)], q.cut), true
}

// queryText is what stands behind the attributes of COM_QUERY. Without a greeting it is not known whether there are
// any: then a packet that begins as attributes do has them, for no text begins with such bytes.
func (c *conn) queryText(body []byte) ([]byte, bool) {
	has := c.caps&clientQueryAttributes != 0
	if !c.agreed {
		has = len(body) > 1 && body[0] < 32 && body[1] == 1
	}
	if !has {
		return body, true
	}
	f := fieldsOf(body)
	n := int(f.length())
	f.length() // sets of values: one
	if n > 0 {
		skipAttributes(f, n)
	}
	return f.rest, f.ok
}

// skipAttributes reads over names and values.
func skipAttributes(f *fields, n int) {
	nulls := f.take((n + 7) / 8)
	if f.uint(1) != 1 || !f.ok {
		f.take(-1)
		return
	}
	types := make([]byte, 0, min(n, 64))
	for i := 0; i < n && f.ok; i++ {
		types = append(types, byte(f.uint(2)))
		f.counted() // name
	}
	for i := 0; i < n && f.ok; i++ {
		if nulls[i/8]>>(i%8)&1 == 0 {
			skipValue(f, types[i])
		}
	}
}

// skipValue reads over a value of the binary protocol (enum_field_types).
func skipValue(f *fields, kind byte) {
	switch kind {
	case 1: // TINY
		f.take(1)
	case 2, 13: // SHORT, YEAR
		f.take(2)
	case 3, 4, 9: // LONG, FLOAT, INT24
		f.take(4)
	case 5, 8: // DOUBLE, LONGLONG
		f.take(8)
	case 7, 10, 11, 12: // times
		f.take(int(f.uint(1)))
	case 6: // NULL
	default:
		f.counted()
	}
}

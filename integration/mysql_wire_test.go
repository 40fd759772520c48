// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers"
)

// wire is a client that speaks MySQL's protocol as far as these tests need it:
// query attributes and COM_RESET_CONNECTION, which the driver does not have.
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html
type wire struct {
	t    *testing.T
	conn net.Conn
	seq  byte
	id   int64 // the connection's id
}

// attribute is a query attribute, sent as a string.
type attribute struct{ name, value string }

// prepared is a statement of the binary protocol.
type prepared struct {
	id     uint32
	params int
}

const (
	comQuery           = 0x03
	comStmtPrepare     = 0x16
	comStmtExecute     = 0x17
	comResetConnection = 0x1f

	// Capabilities of the client: CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS,
	// SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS,
	// PLUGIN_AUTH, DEPRECATE_EOF and QUERY_ATTRIBUTES.
	wireCapabilities = 1<<3 | 1<<9 | 1<<13 | 1<<15 | 1<<16 | 1<<17 | 1<<18 | 1<<19 | 1<<24 | 1<<27

	typeString     = 0xfe   // MYSQL_TYPE_STRING
	moreResults    = 0x0008 // SERVER_MORE_RESULTS_EXISTS
	countAvailable = 0x08   // PARAMETER_COUNT_AVAILABLE
)

// dialWire connects as an account of its own that has no password.
func dialWire(t *testing.T, server *servers.Server) *wire {
	t.Helper()
	admin := connect(t, server, "")
	admin.must("CREATE USER IF NOT EXISTS wire@127.0.0.1 IDENTIFIED BY ''")
	admin.must("GRANT ALL ON *.* TO wire@127.0.0.1")
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, conn: conn}
	greeting := w.receive()
	version := 1 // after the protocol's number
	for greeting[version] != 0 {
		version++
	}
	w.id = int64(binary.LittleEndian.Uint32(greeting[version+1:]))

	hello := binary.LittleEndian.AppendUint32(nil, wireCapabilities)
	hello = binary.LittleEndian.AppendUint32(hello, 1<<24-1) // the longest packet
	hello = append(append(hello, 45), make([]byte, 23)...)   // utf8mb4_general_ci
	hello = append(append(hello, "wire\x00"...), 0)          // no answer to the challenge
	hello = append(hello, servers.Database+"\x00caching_sha2_password\x00"...)
	w.send(hello)
	if answer := w.receive(); answer[0] != 0 {
		t.Fatalf("the server refuses the client: %q", answer)
	}
	return w
}

// query runs a text with attributes and reads all that it gives.
func (w *wire) query(text string, attributes ...attribute) error {
	p := append(appendLength([]byte{comQuery}, len(attributes)), 1)
	return w.command(append(appendParameters(p, attributes), text...))
}

// prepare prepares a statement that gives no parameters' types.
func (w *wire) prepare(text string) prepared {
	w.t.Helper()
	w.begin(append([]byte{comStmtPrepare}, text...))
	p := w.receive()
	if p[0] != 0 {
		w.t.Fatalf("prepare %q: %q", text, p)
	}
	columns, params := binary.LittleEndian.Uint16(p[5:]), binary.LittleEndian.Uint16(p[7:])
	for range columns + params {
		w.receive()
	}
	return prepared{binary.LittleEndian.Uint32(p[1:]), int(params)}
}

// execute runs a prepared statement. Attributes follow its own parameters,
// which have no names.
func (w *wire) execute(s prepared, args []string, attributes ...attribute) error {
	if len(args) != s.params {
		w.t.Errorf("%d arguments for %d parameters", len(args), s.params)
	}
	var all []attribute
	for _, arg := range args {
		all = append(all, attribute{value: arg})
	}
	all = append(all, attributes...)
	p := binary.LittleEndian.AppendUint32([]byte{comStmtExecute}, s.id)
	p = append(p, countAvailable, 1, 0, 0, 0)
	return w.command(appendParameters(appendLength(p, len(all)), all))
}

// reset makes the session as it was after the login.
func (w *wire) reset() error { return w.command([]byte{comResetConnection}) }

func (w *wire) command(payload []byte) error {
	w.begin(payload)
	for {
		more, err := w.result()
		if err != nil || !more {
			return err
		}
	}
}

// result reads one result and reports whether another one follows.
func (w *wire) result() (more bool, err error) {
	p := w.receive()
	if p[0] != 0 && p[0] != 0xff {
		columns, _ := length(p)
		for range columns {
			w.receive()
		}
		for p = w.receive(); p[0] != 0xfe && p[0] != 0xff; {
			p = w.receive()
		}
	}
	if p[0] == 0xff {
		return false, fmt.Errorf("error %d: %s", binary.LittleEndian.Uint16(p[1:]), p[3:])
	}
	_, affected := length(p[1:])
	_, last := length(p[1+affected:])
	return binary.LittleEndian.Uint16(p[1+affected+last:])&moreResults != 0, nil
}

// begin sends the first packet of a command.
func (w *wire) begin(payload []byte) {
	w.seq = 0
	w.send(payload)
}

func (w *wire) send(payload []byte) {
	n := len(payload)
	packet := append([]byte{byte(n), byte(n >> 8), byte(n >> 16), w.seq}, payload...)
	if _, err := w.conn.Write(packet); err != nil {
		w.t.Fatalf("send to the server: %v", err)
	}
	w.seq++
}

func (w *wire) receive() []byte {
	w.t.Helper()
	var head [4]byte
	_, err := io.ReadFull(w.conn, head[:])
	p := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	if err == nil {
		_, err = io.ReadFull(w.conn, p)
	}
	if err == nil && len(p) == 0 {
		err = errors.New("empty packet")
	}
	if err != nil {
		w.t.Fatalf("read from the server: %v", err)
	}
	w.seq = head[3] + 1
	return p
}

// appendParameters appends names, types and values; none are NULL.
func appendParameters(p []byte, list []attribute) []byte {
	if len(list) == 0 {
		return p
	}
	p = append(append(p, make([]byte, (len(list)+7)/8)...), 1)
	for _, a := range list {
		p = append(appendLength(append(p, typeString, 0), len(a.name)), a.name...)
	}
	for _, a := range list {
		p = append(appendLength(p, len(a.value)), a.value...)
	}
	return p
}

// appendLength appends a length-encoded integer below 64 KiB.
func appendLength(p []byte, n int) []byte {
	if n < 251 {
		return append(p, byte(n))
	}
	return append(p, 0xfc, byte(n), byte(n>>8))
}

// length reads a length-encoded integer and how many bytes it takes.
func length(p []byte) (n uint64, size int) {
	switch p[0] {
	case 0xfc:
		return uint64(binary.LittleEndian.Uint16(p[1:])), 3
	case 0xfd:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4
	case 0xfe:
		return binary.LittleEndian.Uint64(p[1:]), 9
	}
	return uint64(p[0]), 1
}

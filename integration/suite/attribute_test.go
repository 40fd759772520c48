// SPDX-License-Identifier: Apache-2.0

//go:build integration

package suite

import (
	"bytes"
	"encoding/binary"
	"net"
)

// attributeConn gives the driver's statements what the driver does not know:
// query attributes (https://dev.mysql.com/doc/refman/9.7/en/query-attributes.html).
// It agrees on them while the driver connects, if the server can, and puts
// traceparent into COM_QUERY packets. The driver writes each packet at once. It
// cannot execute prepared statements then, whose packets change too.
type attributeConn struct {
	net.Conn
	traceparent string // "" for no attribute
	greeted     bool   // the server's greeting was read; true from the beginning: do not agree
	agreed      bool
	answered    bool // the driver's answer was sent
}

// Of the protocol's packets
// (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html).
const (
	headerSize     = 4 // three bytes of length, one of sequence
	attributesFlag = 1 << 27
	comQuery       = 3
	typeString     = 0xfe
	attributeName  = "traceparent"
	// In a greeting after the NUL of the version: id, scramble, filler, lower
	// capabilities, character set, status.
	upperCapabilities = 4 + 8 + 1 + 2 + 1 + 2
)

func (c *attributeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.greeted || n <= headerSize {
		return n, err
	}
	c.greeted = true
	_, rest, _ := bytes.Cut(b[headerSize+1:n], []byte{0})
	if len(rest) >= upperCapabilities+2 {
		c.agreed = uint32(binary.LittleEndian.Uint16(rest[upperCapabilities:]))<<16&attributesFlag != 0
	}
	return n, err
}

func (c *attributeConn) Write(b []byte) (int, error) {
	if !c.answered && len(b) > headerSize+4 {
		c.answered = true
		if c.agreed {
			flags := b[headerSize:]
			binary.LittleEndian.PutUint32(flags, binary.LittleEndian.Uint32(flags)|attributesFlag)
		}
		return c.Conn.Write(b)
	}
	if !c.agreed || len(b) <= headerSize || b[3] != 0 || b[headerSize] != comQuery {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(withAttribute(b[headerSize+1:], c.traceparent)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// withAttribute makes the packet of a statement.
func withAttribute(sql []byte, value string) []byte {
	body := []byte{comQuery, 0, 1} // parameters, sets of them
	if value != "" {
		body = []byte{comQuery, 1, 1, 0, 1, typeString, 0, byte(len(attributeName))} // no NULL, types follow
		body = append(body, attributeName...)
		body = append(body, byte(len(value)))
		body = append(body, value...)
	}
	body = append(body, sql...)
	packet := binary.LittleEndian.AppendUint32(nil, uint32(len(body))) // sequence 0
	return append(packet, body...)
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Connections reads a server's list of connections, for [Options]: which number is whose. It should be read when
// a capture begins. Where the server resolves names, a client is known by its port alone, if no other has the same one.
func Connections(ctx context.Context, db *sql.DB) (func(client netip.AddrPort) uint64, error) {
	rows, err := db.QueryContext(ctx, "SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE HOST LIKE '%:%'")
	if err != nil {
		return nil, fmt.Errorf("read the server's connections: %w", err)
	}
	defer rows.Close()
	known := processlist{by: make(map[netip.AddrPort]uint64), byPort: make(map[uint16]uint64)}
	for rows.Next() {
		var id uint64
		var host string
		if err := rows.Scan(&id, &host); err != nil {
			return nil, fmt.Errorf("read the server's connections: %w", err)
		}
		known.add(id, host)
	}
	return known.find, rows.Err()
}

type processlist struct {
	by     map[netip.AddrPort]uint64
	byPort map[uint16]uint64 // of clients that are known by a name; 0: of several
}

func (p *processlist) add(id uint64, host string) {
	name, portText, err := net.SplitHostPort(host)
	if err != nil {
		return
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		p.by[netip.AddrPortFrom(addr.Unmap(), uint16(port))] = id
		return
	}
	if _, taken := p.byPort[uint16(port)]; taken {
		id = 0
	}
	p.byPort[uint16(port)] = id
}

func (p *processlist) find(client netip.AddrPort) uint64 {
	if id := p.by[client]; id != 0 {
		return id
	}
	return p.byPort[client.Port()]
}

// SPDX-License-Identifier: Apache-2.0

package wire

// Capabilities that matter here. A connection has those that its client asks for.
const (
	clientConnectWithDB    = 1 << 3
	clientCompress         = 1 << 5
	clientProtocol41       = 1 << 9
	clientSSL              = 1 << 11
	clientSecureConnection = 1 << 15
	clientMultiStatements  = 1 << 16
	clientLenencAuth       = 1 << 21
	clientSessionTrack     = 1 << 23
	clientDeprecateEOF     = 1 << 24
	clientOptionalMetadata = 1 << 25
	clientZstd             = 1 << 26
	clientQueryAttributes  = 1 << 27
	mariaCacheMetadata     = 1 << 36
)

// greeting is the first packet of a server.
type greeting struct {
	connection uint64
	maria      bool // capabilities beyond 32 bits are MariaDB's
}

// readGreeting reads a greeting of protocol 10, which is that of every server since 2004.
func readGreeting(b []byte) (g greeting, ok bool) {
	f := fieldsOf(b)
	if f.uint(1) != 10 {
		return g, false
	}
	f.text() // version
	g.connection = f.uint(4)
	f.take(8 + 1) // challenge
	low := f.uint(2)
	if !f.ok {
		return g, false
	}
	g.maria = low&1 == 0 // CLIENT_MYSQL, which MariaDB leaves out where it has more
	return g, true
}

// login is the first packet of a client.
type login struct {
	caps     uint64
	user     []byte
	database []byte
	tls      bool // what follows is encrypted
}

// readLogin reads a client's answer to a greeting (Protocol::HandshakeResponse41, SSLRequest).
func readLogin(b []byte, maria bool) (l login, ok bool) {
	f := fieldsOf(b)
	l.caps = f.uint(4)
	f.take(4 + 1 + 19)
	more := f.uint(4)
	if !f.ok || l.caps&clientProtocol41 == 0 {
		return l, false
	}
	if maria && l.caps&1 == 0 {
		l.caps |= more << 32
	}
	if l.caps&clientSSL != 0 {
		l.tls = true
		return l, true
	}
	l.user = f.text()
	switch {
	case l.caps&clientLenencAuth != 0:
		f.counted()
	case l.caps&clientSecureConnection != 0:
		f.take(int(f.uint(1)))
	default:
		f.text()
	}
	if l.caps&clientConnectWithDB != 0 {
		l.database = f.text()
	}
	return l, f.ok
}

// readChangeUser reads COM_CHANGE_USER, behind its first byte.
func readChangeUser(b []byte) (user, database []byte, ok bool) {
	f := fieldsOf(b)
	user = f.text()
	f.take(int(f.uint(1)))
	database = f.text()
	return user, database, f.ok
}

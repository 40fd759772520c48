// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

// talk makes a capture of one connection, as its two sides speak.
type talk struct {
	tb       testing.TB
	out      bytes.Buffer
	w        *pcapgo.Writer
	port     uint16
	seq, ack uint32 // of the client
	at       time.Time
}

const serverPort = 3306

func newTalk(tb testing.TB) *talk {
	t := &talk{tb: tb, port: 40_000, at: time.Unix(1_700_000_000, 0)}
	t.w = pcapgo.NewWriter(&t.out)
	if err := t.w.WriteFileHeader(1<<18, layers.LinkTypeRaw); err != nil {
		tb.Fatal(err)
	}
	return t
}

// packet writes one of TCP, a millisecond after the one before.
func (t *talk) packet(fromServer, syn bool, payload []byte) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: net.IPv4(10, 0, 0, 1), DstIP: net.IPv4(10, 0, 0, 2)}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(t.port), DstPort: serverPort, Seq: t.seq, Ack: t.ack, ACK: !syn || fromServer, SYN: syn}
	next := &t.seq
	if fromServer {
		ip.SrcIP, ip.DstIP = ip.DstIP, ip.SrcIP
		tcp.SrcPort, tcp.DstPort, tcp.Seq, tcp.Ack = tcp.DstPort, tcp.SrcPort, t.ack, t.seq
		next = &t.ack
	}
	if *next += uint32(len(payload)); syn {
		*next++
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, ip, tcp, gopacket.Payload(payload)); err != nil {
		t.tb.Fatal(err)
	}
	t.at = t.at.Add(time.Millisecond)
	info := gopacket.CaptureInfo{Timestamp: t.at, CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}
	if err := t.w.WritePacket(info, b.Bytes()); err != nil {
		t.tb.Fatal(err)
	}
}

// message frames payloads, with rising sequence numbers.
func message(seq byte, payloads ...string) []byte {
	var all []byte
	for _, p := range payloads {
		for n := largest; n == largest; {
			n = min(len(p), largest)
			all = append(all, byte(n), byte(n>>8), byte(n>>16), seq)
			all = append(all, p[:n]...)
			p = p[n:]
			seq++
		}
	}
	return all
}

func (t *talk) client(raw []byte) { t.split(false, raw) }
func (t *talk) server(raw []byte) { t.split(true, raw) }

func (t *talk) split(fromServer bool, raw []byte) {
	for part := range slices.Chunk(raw, 60_000) {
		t.packet(fromServer, false, part)
	}
}

func (t *talk) ask(payload string)                    { t.client(message(0, payload)) }
func (t *talk) answer(first byte, payloads ...string) { t.server(message(first, payloads...)) }

// connect opens the connection and logs in.
func (t *talk) connect(caps uint32) {
	t.packet(false, true, nil)
	t.packet(true, true, nil)
	t.answer(0, "\x0a9.7.4\x00\x07\x00\x00\x0012345678\x00\xff\xff\xff\x02\x00\xff\xff\x15"+strings.Repeat("\x00", 10)+"123456789012\x00mysql_native_password\x00")
	caps |= 1 | clientProtocol41 | clientSecureConnection | clientConnectWithDB
	t.client(message(1, string(binary.LittleEndian.AppendUint32(nil, caps))+"\x00\x00\x00\x01\xff"+strings.Repeat("\x00", 23)+"app\x00\x00shop\x00"))
	t.answer(2, "\x00\x00\x00\x02\x00\x00\x00")
}

func (t *talk) listing() *compare.Listing {
	return listing(t.tb, bytes.NewReader(t.out.Bytes()), Options{})
}

const (
	ok      = "\x00\x00\x00\x02\x00\x00\x00"
	okMore  = "\x00\x00\x00\x0a\x00\x00\x00"
	eof     = "\xfe\x00\x00\x02\x00"
	eofMore = "\xfe\x00\x00\x0a\x00"
	endOK   = "\xfe\x00\x00\x02\x00\x00\x00"
	column  = "\x03def\x00\x00\x00\x01a\x00\x0c\x3f\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00"
	failed  = "\xff\x7a\x04#42S02no such table"
)

func TestWhatIsSaidIsUnderstood(t *testing.T) {
	const user = " db=shop user=app"
	for name, c := range map[string]struct {
		caps uint32
		talk func(*talk)
		want []string
	}{
		"rows that an EOF ends": {0, func(t *talk) {
			t.ask("\x03SELECT 'x'")
			t.answer(1, "\x01", column, eof, "\x01x", "\xfb", eof)
		}, []string{`Query 7 error=0 sent=2` + user + ` "SELECT ?"`}},
		"rows that an OK ends": {clientDeprecateEOF, func(t *talk) {
			t.ask("\x03SELECT 'x'")
			t.answer(1, "\x02", column, column, "\x01x\x01y", endOK)
		}, []string{`Query 7 error=0 sent=1` + user + ` "SELECT ?"`}},
		"no rows, then an error among rows": {clientDeprecateEOF, func(t *talk) {
			t.ask("\x03SELECT 1")
			t.answer(1, "\x01", column, endOK)
			t.ask("\x03SELECT 2")
			t.answer(1, "\x01", column, "\x01x", failed)
		}, []string{`Query 7 error=0 sent=0` + user + ` "SELECT ?"`, `Query 7 error=1146 state=42S02 sent=1` + user + ` "SELECT ?"`}},
		"a client that does not wait": {clientDeprecateEOF, func(t *talk) {
			t.client(slices.Concat(message(0, "\x03INSERT 1"), message(0, "\x19\x01\x00\x00\x00"), message(0, "\x03INSERT 2")))
			t.answer(1, "\x00\x03\x00\x02\x00\x00\x00")
			t.answer(1, failed)
		}, []string{`Other 7` + user, `Query 7 error=0 sent=0 affected=3` + user + ` "INSERT ?"`, `Query 7 error=1146 state=42S02 sent=0` + user + ` "INSERT ?"`}},
		"prepared at once with its execution, as MariaDB's connectors do": {0, func(t *talk) {
			t.client(slices.Concat(message(0, "\x16SELECT ?"), message(0, "\x17\xff\xff\xff\xff\x00\x01\x00\x00\x00")))
			t.answer(1, "\x00\x05\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00", column, eof, column, eof)
			t.answer(1, "\x01", column, eof, "\x00\x00\x01x", eof)
		}, []string{`Other 7 error=0 sent=0` + user, `Execute 7 error=0 sent=1` + user + ` "SELECT ?"`}},
		"a cursor, and its rows": {0, func(t *talk) {
			t.ask("\x17\x05\x00\x00\x00\x01\x01\x00\x00\x00")
			t.answer(1, "\x01", column, "\xfe\x00\x00\x42\x00")
			t.ask("\x1c\x05\x00\x00\x00\x01\x00\x00\x00")
			t.answer(1, "\x00\x00\x01x", "\xfe\x00\x00\x82\x00")
		}, []string{`Execute 7 error=0 sent=0` + user, `Other 7 error=0 sent=1` + user}},
		"attributes of a query": {clientQueryAttributes, func(t *talk) {
			t.ask("\x03\x02\x01\x02\x01\xfd\x00\x01a\x03\x00\x01b\x02xySELECT 1")
			t.answer(1, ok)
			t.ask("\x03\x00\x01SELECT 2")
			t.answer(1, ok)
			t.ask("\x03\x05\x01")
			t.answer(1, failed)
		}, []string{`Query 7 error=0 sent=0 affected=0` + user + ` "SELECT ?"`, `Query 7 error=0 sent=0 affected=0` + user + ` "SELECT ?"`,
			`Query 7 error=1146 state=42S02 sent=0` + user}},
		"the server says where a session is": {clientSessionTrack, func(t *talk) {
			t.ask("\x03EXECUTE IMMEDIATE 'USE x'")
			t.answer(1, "\x00\x00\x00\x02\x40\x00\x00\x00\x08\x01\x06\x05other")
			t.ask("\x02third")
			t.answer(1, ok)
		}, []string{`Query 7 error=0 sent=0 affected=0 db=other user=app "EXECUTE IMMEDIATE ?"`, `Other 7 error=0 sent=0 affected=0 db=third user=app`}},
		"another user, whose password is asked for": {0, func(t *talk) {
			t.ask("\x11boss\x00\x00theirs\x00")
			t.answer(1, "\xfecaching_sha2_password\x00")
			t.client(message(2, "secret"))
			t.answer(3, "\x01\x03", ok)
			t.ask("\x03SELECT 1")
			t.answer(1, ok)
		}, []string{`Other 7 error=0 sent=0 affected=0 db=theirs user=boss`, `Query 7 error=0 sent=0 affected=0 db=theirs user=boss "SELECT ?"`}},
		"a file of the client, whose packets are more than numbers": {0, func(t *talk) {
			t.ask("\x03LOAD DATA LOCAL INFILE 'x' INTO TABLE t")
			t.answer(1, "\xfbx")
			var file []string
			for range 300 {
				file = append(file, "\x03SELECT 'not a request'\n")
			}
			file = append(file, "")
			t.client(message(2, file...))
			t.answer(byte(2+len(file)), "\x00\x64\x00\x02\x00\x00\x00")
		}, []string{`Query 7 error=0 sent=0 affected=100` + user + ` "LOAD DATA LOCAL INFILE ? INTO TABLE t"`}},
		"reports of progress": {0, func(t *talk) {
			t.ask("\x03ALTER TABLE t FORCE")
			t.answer(1, "\xff\xff\xff\x01\x01\x02\x00\x00\x00\x05stage", "\xff\xff\xff\x01\x02\x02\x00\x00\x00\x05stage", ok)
		}, []string{`Query 7 error=0 sent=0 affected=0` + user + ` "ALTER TABLE t FORCE"`}},
		"results of a procedure between others": {clientMultiStatements, func(t *talk) {
			t.ask("\x03SELECT 1; CALL p(); DO 2; broken; DO 3")
			t.answer(1, "\x01", column, eof, "\x01x", eofMore, "\x01", column, eof, "\x01x", eofMore, "\x01", column, eof, eofMore, okMore, okMore, failed)
		}, []string{`Query 7 error=0 sent=1` + user + ` "SELECT ?"`, `Query 7 error=0` + user + ` "CALL p()"`,
			`Query 7 error=0 sent=0 affected=0` + user + ` "DO ?"`, `Query 7 error=1146 state=42S02 sent=0` + user + ` "broken"`}},
		"a semicolon where only one statement may be": {0, func(t *talk) {
			t.ask("\x03DO 1; DO 2")
			t.answer(1, failed)
		}, []string{`Query 7 error=1146 state=42S02 sent=0` + user + ` "DO ?; DO ?"`}},
		"a statement longer than a packet can be": {0, func(t *talk) {
			t.ask("\x03SELECT '" + strings.Repeat("x", largest) + "'")
			t.answer(2, ok)
			t.ask("\x03SELECT 2")
			t.answer(1, ok)
		}, []string{`Query 7 error=0 sent=0 affected=0` + user + ` "SELECT ?…" cut`, `Query 7 error=0 sent=0 affected=0` + user + ` "SELECT ?"`}},
		"a server that hangs up, and what it did not answer": {0, func(t *talk) {
			t.ask("\x03SELECT 1")
			t.answer(1, ok)
			t.answer(0, "\xff\xbf\x0f#HY000The client was disconnected by the server because of inactivity.")
			t.ask("\x03SELECT 2")
		}, []string{`Query 7 error=0 sent=0 affected=0` + user + ` "SELECT ?"`, `Query 7 user=app "SELECT ?"`}},
	} {
		t.Run(name, func(t *testing.T) {
			talk := newTalk(t)
			talk.connect(c.caps)
			c.talk(talk)
			l := talk.listing()
			var got []string
			for i := range l.Statements {
				got = append(got, told(&l.Statements[i]))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(l.Losses) > 0 {
				t.Errorf("(-want +got):\n%slosses %+v", diff, l.Losses)
			}
		})
	}
}

// TestTimesAreThoseOfTheServersWork: from the end of the request, or from when the server is free, to the end of the response.
func TestTimesAreThoseOfTheServersWork(t *testing.T) {
	talk := newTalk(t)
	talk.connect(clientMultiStatements)
	began := talk.at
	talk.client(message(0, "\x03SELECT '"+strings.Repeat("x", 130_000)+"'")) // 3 packets
	talk.answer(1, "\x01", column, eof)
	talk.answer(4, "\x01x", eof)
	talk.client(slices.Concat(message(0, "\x03DO 1; DO 2"), message(0, "\x03DO 3")))
	talk.answer(1, okMore)
	talk.answer(2, ok)
	talk.answer(1, ok)
	type span struct{ From, For time.Duration }
	var got []span
	for _, s := range talk.listing().Statements {
		got = append(got, span{time.Duration(s.Start - began.UnixNano()), s.Duration})
	}
	ms := time.Millisecond
	if diff := cmp.Diff([]span{{3 * ms, 2 * ms}, {6 * ms, ms}, {7 * ms, ms}, {8 * ms, ms}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatOtherServersSayIsLeftOut(t *testing.T) {
	talk := newTalk(t)
	talk.connect(0)
	talk.ask("\x03DO 1")
	talk.answer(1, ok)
	for server, want := range map[string]int{"10.0.0.2": 1, "::ffff:10.0.0.2": 1, "10.0.0.3": 0} {
		l := listing(t, bytes.NewReader(talk.out.Bytes()), Options{Server: netip.MustParseAddr(server)})
		if len(l.Statements) != want || len(l.Losses) > 0 {
			t.Errorf("%s: %d statements, losses %+v", server, len(l.Statements), l.Losses)
		}
	}
}

func TestConnectionsAreFoundInTheProcesslist(t *testing.T) {
	p := processlist{by: make(map[netip.AddrPort]uint64), byPort: make(map[uint16]uint64)}
	for id, host := range map[uint64]string{
		1: "10.0.0.1:1000", 2: "10.0.0.2:1000", 3: "web.example.org:2000", 4: "a.example.org:3000", 5: "b.example.org:3000", 6: "nothing",
		7: "[2001:db8::1]:4000",
	} {
		p.add(id, host)
	}
	for client, want := range map[string]uint64{
		"10.0.0.1:1000": 1, "10.0.0.2:1000": 2, "10.0.0.3:1000": 0, "10.0.0.9:2000": 3, "10.0.0.9:3000": 0, "[2001:db8::1]:4000": 7,
	} {
		if got := p.find(netip.MustParseAddrPort(client)); got != want {
			t.Errorf("%s is connection %d, want %d", client, got, want)
		}
	}
}

func FuzzCapture(f *testing.F) {
	for _, raw := range logtest.Files(f, 2) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) { harmless(t, bytes.NewReader(raw)) })
}

// FuzzTalk lets two sides say anything: each byte of sides says who speaks and for how long.
func FuzzTalk(f *testing.F) {
	f.Add(uint32(clientDeprecateEOF), []byte{12, 0x93}, slices.Concat(message(0, "\x03SELECT 1"), message(1, ok)))
	f.Add(uint32(clientQueryAttributes|clientSessionTrack), []byte{12, 0x93}, slices.Concat(message(0, "\x16SELECT ?"), message(1, failed)))
	f.Fuzz(func(t *testing.T, caps uint32, sides, said []byte) {
		talk := newTalk(t)
		talk.connect(caps)
		for _, side := range sides {
			n := min(int(side&0x7f)+1, len(said))
			if n == 0 {
				break
			}
			talk.split(side&0x80 != 0, said[:n])
			said = said[n:]
		}
		harmless(t, &talk.out)
	})
}

func harmless(t *testing.T, r io.Reader) {
	account := New(r, Options{Connection: func(netip.AddrPort) uint64 { return 5 }})
	for {
		var s compare.Statement
		if account.Next(&s) != nil {
			break
		}
		if !utf8.ValidString(s.Text+s.User+s.Database+s.SQLState) || s.Duration < 0 || s.Connection == 0 {
			t.Fatalf("%+v", s)
		}
	}
	if len(account.Losses()) > maxLosses {
		t.Fatal(len(account.Losses()))
	}
}

func TestMemoryIsBoundedWhateverIsCaptured(t *testing.T) {
	for name, fill := range map[string]func(*talk, int){
		"requests that do not end": func(t *talk, _ int) {
			t.client(append([]byte{0, 0, 0x20, 0, comQuery}, make([]byte, 50_000)...))
		},
		"requests without an answer": func(t *talk, i int) { t.ask("\x03SELECT a" + strings.Repeat("b", 50_000) + string(rune('a'+i%26))) },
		"a gap and much behind it":   func(t *talk, _ int) { t.seq += 10; t.client(make([]byte, 50_000)) },
		"much that is prepared": func(t *talk, i int) {
			t.ask("\x16SELECT c" + strings.Repeat("d", 50_000) + string(rune('a'+i%26)))
			t.answer(1, "\x00"+string(binary.LittleEndian.AppendUint32(nil, uint32(i)))+"\x00\x00\x00\x00\x00\x00\x00")
		},
	} {
		t.Run(name, func(t *testing.T) {
			talk := newTalk(t)
			for i := range 1600 { // 80 MB
				talk.port = uint16(20_000 + i)
				talk.connect(0)
				fill(talk, i)
			}
			account := New(&talk.out, Options{})
			var s compare.Statement
			for account.Next(&s) == nil {
				if account.memory > maxMemory {
					t.Fatalf("%d connections keep %d bytes", len(account.conns), account.memory)
				}
			}
			if !slices.ContainsFunc(account.Losses(), func(l compare.Loss) bool { return l.Why == WhyMany }) {
				t.Error("nothing was given up")
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	talk := newTalk(b)
	talk.connect(clientDeprecateEOF)
	const statements = 1000
	for range statements {
		talk.ask("\x03SELECT c FROM sbtest1 WHERE id = 4711")
		talk.answer(1, "\x01", column, "\x78"+strings.Repeat("x", 120), endOK)
	}
	raw := talk.out.Bytes()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if l := listing(b, bytes.NewReader(raw), Options{}); len(l.Statements) != statements {
			b.Fatal(len(l.Statements))
		}
	}
}

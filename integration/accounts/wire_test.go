// SPDX-License-Identifier: Apache-2.0

//go:build integration

package accounts

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/load"
	"github.com/spanbridge/spanbridge/compare/wire"
	"github.com/spanbridge/spanbridge/integration/servers"
)

// captured captures a server's traffic until stop is called, which returns the file.
func captured(t *testing.T, s *servers.Server, device string) (stop func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.pcap")
	cmd := exec.CommandContext(t.Context(), "tcpdump", "--relinquish-privileges=root", "-i", device, "-n", "-B", "32768", "-U",
		"-w", path, "tcp", "port", fmt.Sprint(s.Port))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "listening on") {
	}
	return func() string {
		time.Sleep(1500 * time.Millisecond) // the kernel hands packets on at least every second
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if dropped, ok := strings.CutSuffix(lines.Text(), " packets dropped by kernel"); ok && dropped != "0" {
				t.Errorf("tcpdump lost %s packets", dropped)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func readWireFile(t *testing.T, path string, o wire.Options) *compare.Listing {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return readWire(t, file, o)
}

func readWire(t *testing.T, r io.Reader, o wire.Options) *compare.Listing {
	t.Helper()
	l, err := compare.Collect(wire.New(r, o), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestTheWireTellsWhatClientsDid: a capture has what the journal has, and tells the same. A connection from before is known
// by the server's list. Of a capture that lacks packets, each statement that is not there is in the time of a loss.
func TestTheWireTellsWhatClientsDid(t *testing.T) {
	for name, device := range map[string]string{"mariadb": "lo", "mysql": "any"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name)
			db := handle(t, s)
			before, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer before.Close()
			var id uint64
			if err := before.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			known, err := wire.Connections(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			stop := captured(t, s, device)
			journal := mixed(t, s, "mixed:statements=1500,connections=3")
			for i := range 10 {
				if _, err := before.ExecContext(t.Context(), fmt.Sprintf("SELECT 1 AS before_%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := os.ReadFile(stop())
			if err != nil {
				t.Fatal(err)
			}
			o := wire.Options{Port: uint16(s.Port), Connection: known}
			account := readWire(t, bytes.NewReader(raw), o)
			for _, l := range account.Losses {
				t.Errorf("%+v", l)
			}
			v := agrees(t, journal, account, compare.FieldText, compare.FieldError, compare.FieldRowsSent, compare.FieldDatabase, compare.FieldUser)
			if l := v.Latency; l.Pairs < v.Matched*9/10 || l.Median > 0 || l.Ratio <= 0 || l.Ratio > 1 {
				t.Errorf("latency %+v", l)
			}
			n := 0
			for _, s := range account.Statements {
				if s.Connection == id && strings.HasPrefix(s.Text, "SELECT ? AS before_") {
					n++
				}
			}
			if n != 10 {
				t.Errorf("%d of 10 statements of the connection from before are there", n)
			}
			lacking(t, raw, o, journal)
		})
	}
}

// lacking takes every 200th packet out of a capture.
func lacking(t *testing.T, raw []byte, o wire.Options, journal *compare.Listing) {
	t.Helper()
	in, err := pcapgo.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if err := w.WriteFileHeader(1<<18, in.LinkType()); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i := 1; ; i++ {
		data, info, err := in.ReadPacketData()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if i%200 == 0 {
			taken++
			continue
		}
		if err := w.WritePacket(info, data); err != nil {
			t.Fatal(err)
		}
	}
	o.Connection = func(netip.AddrPort) uint64 { return 0 }
	account := readWire(t, &out, o)
	v := compare.Judge(journal, ofJournal(journal, account), compare.Window{To: 1 << 62})
	lost, gaps := 0, slices.ContainsFunc(account.Losses, func(l compare.Loss) bool { return l.Why == wire.WhyGap })
	for _, m := range v.MissingB {
		lost += m.Count
	}
	t.Logf("without %d packets %d of %d statements are missing: %+v", taken, lost, len(journal.Statements), v.MissingB)
	if v.UnknownB > 0 || len(v.MissingA) > 0 || taken < 5 || !gaps || lost > 2*taken {
		t.Errorf("%d packets were taken out, missing %+v and %+v, losses %+v", taken, v.MissingA, v.MissingB, account.Losses)
	}
}

// TestACaptureIsReadWhileItIsMade: from a pipe of tcpdump, as from a file.
func TestACaptureIsReadWhileItIsMade(t *testing.T) {
	s := startServer(t, "mariadb")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "tcpdump", "-i", "lo", "-n", "-U", "-w", "-", "tcp", "port", fmt.Sprint(s.Port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	account := wire.New(out, wire.Options{Port: uint16(s.Port)})
	seen := make(chan compare.Statement, 1)
	go func() {
		var s compare.Statement
		for account.Next(&s) == nil {
			if s.Text == "SELECT ? AS live" {
				seen <- s
				return
			}
		}
	}()
	db := handle(t, s)
	for {
		if _, err := db.ExecContext(t.Context(), "SELECT 1 AS live"); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-seen:
			if s.Sent != 1 || s.Duration <= 0 || s.Connection == 0 {
				t.Errorf("%+v", s)
			}
			cancel()
			_ = cmd.Wait() // it was killed
			return
		case <-time.After(200 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nothing was read")
		}
	}
}

// TestTheWireOfOtherClients: of sysbench, which is written in C, and the command-line client each statement is there that the
// server has counted.
func TestTheWireOfOtherClients(t *testing.T) {
	for name := range products {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, name)
			db := handle(t, s)
			l, err := load.Parse("sysbench:oltp_read_write:threads=2,rows=1000,tables=1", s.DSN)
			if err != nil {
				t.Fatal(err)
			}
			stop := captured(t, s, "lo")
			before := questions(t, db)
			_, err = l.Run(t.Context(), time.Second)
			if err := errors.Join(err, l.Close()); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "mariadb", "--protocol=tcp", "--host=127.0.0.1", fmt.Sprintf("--port=%d", s.Port),
				"--user="+servers.User, "--password="+servers.Password, "--skip-ssl", servers.Database,
				"--execute=SELECT 1; CREATE TABLE w (id INT); INSERT INTO w VALUES (1), (2); SELECT * FROM w; DROP TABLE w").CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			time.Sleep(100 * time.Millisecond)
			asked := questions(t, db) - before
			account := readWireFile(t, stop(), wire.Options{Port: uint16(s.Port)})
			statements, executions, texts := 0, 0, 0
			connections := make(map[uint64]bool)
			for _, s := range account.Statements {
				connections[s.Connection] = true
				if s.Kind == compare.Execute {
					executions++
				}
				if s.Kind.Counts() {
					statements++
				}
				if s.Kind.Counts() && s.Has.Has(compare.FieldText) && s.Has.Has(compare.FieldDuration) {
					texts++
				}
			}
			// The server counts statements, but the one that asked first, and that clients leave, but the one that asked last.
			if want := statements - 1 + len(connections) - 1; asked != want || texts != statements || executions < statements/2 || len(account.Losses) > 0 {
				t.Errorf("%d statements of %d connections, %d with text and outcome, %d executions; the server counts %d; losses %+v",
					statements, len(connections), texts, executions, asked, account.Losses)
			}
		})
	}
}

// questions is how many statements clients have sent.
func questions(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	var name string
	if err := db.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

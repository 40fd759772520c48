// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile/logtest"
)

// framed is a packet of a capture.
type framed struct {
	data    []byte
	info    gopacket.CaptureInfo
	segment segment
}

// about is what is known of a capture as a whole.
type about struct {
	port uint16
	link layers.LinkType
}

func packetsOf(t testing.TB, raw []byte) (all []framed, a about) {
	t.Helper()
	c, err := openCapture(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	d := newDissector()
	for {
		data, info, link, err := c.next()
		if end, cut := ended(err); end && !cut {
			return all, a
		} else if err != nil {
			t.Fatal(err)
		}
		f := framed{data: slices.Clone(data), info: info}
		if ok, _ := d.segment(&f.segment, f.data, info, link); !ok {
			t.Fatal("no packet of TCP")
		}
		if a.link = link; f.segment.syn && !f.segment.acks {
			a.port = f.segment.to.Port()
		}
		all = append(all, f)
	}
}

func pcap(t testing.TB, all []framed, a about) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if err := w.WriteFileHeader(1<<18, a.link); err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if err := w.WritePacket(f.info, f.data); err != nil {
			t.Fatal(err)
		}
	}
	return &out
}

// each calls test with the packets of every capture, and what is read in them when nothing is wrong.
func each(t *testing.T, test func(t *testing.T, all []framed, a about, whole *compare.Listing)) {
	for name, raw := range logtest.Files(t, 2) {
		t.Run(name, func(t *testing.T) {
			all, a := packetsOf(t, raw)
			whole := listing(t, bytes.NewReader(raw), Options{Port: a.port})
			if len(whole.Statements) < 20 {
				t.Fatal(len(whole.Statements))
			}
			test(t, all, a, whole)
		})
	}
}

// linesOf renders statements, with their times.
func linesOf(l *compare.Listing) []string {
	var all []string
	for i := range l.Statements {
		s := &l.Statements[i]
		all = append(all, fmt.Sprintf("%s at %d for %d", told(s), s.Start, s.Duration))
	}
	return all
}

// TestAPacketThatIsMissingIsTold takes each out in turn. Then every statement is as it was, or there without its
// outcome, or in the time of a loss; and nothing is there that was not.
func TestAPacketThatIsMissingIsTold(t *testing.T) {
	each(t, func(t *testing.T, all []framed, a about, whole *compare.Listing) {
		var sum damage
		for i := range all {
			if len(all[i].segment.payload) > 0 {
				l := listing(t, pcap(t, slices.Delete(slices.Clone(all), i, i+1), a), Options{Port: a.port})
				sum.judge(t, fmt.Sprintf("without packet %d", i+1), whole, l)
			}
		}
		t.Logf("%d packets taken out one at a time: %+v", len(all), sum)
		if sum.lost == 0 || sum.halves == 0 || sum.lost+sum.halves > 3*len(all) {
			t.Errorf("%+v", sum)
		}
	})
}

func TestPacketsThatAreCutOffAreTold(t *testing.T) {
	each(t, func(t *testing.T, all []framed, a about, whole *compare.Listing) {
		for _, size := range []int{60, 68, 96, 200, 1000} {
			var sum damage
			cut := slices.Clone(all)
			for i := range cut {
				cut[i].data = cut[i].data[:min(size, len(cut[i].data))]
				cut[i].info.CaptureLength = len(cut[i].data)
			}
			sum.judge(t, fmt.Sprintf("cut at %d", size), whole, listing(t, pcap(t, cut, a), Options{Port: a.port}))
			if t.Logf("cut at %d bytes: %+v", size, sum); size < 200 && sum.lost == 0 {
				t.Error("nothing is lost")
			}
		}
	})
}

// damage is what a damaged capture lacks.
type damage struct{ lost, halves int }

// judge holds what is left against the whole: each statement says nothing that is not true, and each that is not there is
// in the time of a loss.
func (d *damage) judge(t *testing.T, what string, whole, l *compare.Listing) {
	t.Helper()
	used := make(map[int]bool)
	for _, s := range whole.Statements {
		if !s.Kind.Counts() {
			continue
		}
		i := slices.IndexFunc(l.Statements, func(left compare.Statement) bool { return saysLess(left, s) })
		for i >= 0 && used[i] {
			next := slices.IndexFunc(l.Statements[i+1:], func(left compare.Statement) bool { return saysLess(left, s) })
			if next < 0 {
				i = next
				break
			}
			i += 1 + next
		}
		if i >= 0 {
			if used[i] = true; !l.Statements[i].Has.Has(compare.FieldDuration) {
				d.halves++
			}
			continue
		}
		if d.lost++; !slices.ContainsFunc(l.Losses, func(l compare.Loss) bool {
			return (l.Connection == 0 || l.Connection == s.Connection) && l.From <= s.Start && s.Start <= l.To
		}) {
			t.Errorf("%s %s at %d is not there; losses %+v", what, told(&s), s.Start, l.Losses)
		}
	}
	for i := range l.Statements {
		if s := &l.Statements[i]; s.Kind.Counts() && !used[i] {
			t.Errorf("%s %s is not true", what, told(s))
		}
	}
}

// saysLess reports whether one statement tells nothing that the other one does not.
func saysLess(less, more compare.Statement) bool {
	subset := less.Has&^more.Has == 0
	more.Has &= less.Has
	more.Cut = less.Cut
	return subset && told(&less) == told(&more)
}

// TestWhatIsCapturedTwiceOrLateChangesNothing: packets that come again, and two of one side that come in the wrong order.
func TestWhatIsCapturedTwiceOrLateChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, all []framed, a about, whole *compare.Listing) {
		var twice []framed
		for _, f := range all {
			twice = append(twice, f, f)
		}
		late, swapped := slices.Clone(all), 0
		for i := 0; i+1 < len(late); i++ {
			x, y := &late[i].segment, &late[i+1].segment
			if x.from == y.from && len(x.payload) > 0 && len(y.payload) > 0 {
				late[i], late[i+1] = late[i+1], late[i]
				swapped++
				i++
			}
		}
		if swapped == 0 {
			t.Error("no packets follow each other")
		}
		want := describe(whole)
		for name, changed := range map[string][]framed{"twice": twice, "late": late} {
			if diff := cmp.Diff(want, describe(listing(t, pcap(t, changed, a), Options{Port: a.port}))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func describe(l *compare.Listing) []string {
	var all []string
	for i := range l.Statements {
		all = append(all, told(&l.Statements[i]))
	}
	for _, l := range l.Losses {
		all = append(all, l.Why)
	}
	slices.Sort(all)
	return all
}

// TestEveryFormOfACaptureTellsTheSame: pcapng, nanoseconds, other frames, and a capture that is packed.
func TestEveryFormOfACaptureTellsTheSame(t *testing.T) {
	each(t, func(t *testing.T, all []framed, a about, whole *compare.Listing) {
		const ethernet = 14
		frames := func(link layers.LinkType, head ...byte) io.Reader {
			other := slices.Clone(all)
			for i := range other {
				other[i].data = append(slices.Clone(head), other[i].data[ethernet:]...)
				other[i].info.CaptureLength, other[i].info.Length = len(other[i].data), len(other[i].data)
			}
			return pcap(t, other, about{link: link})
		}
		var ng, packed bytes.Buffer
		w, err := pcapgo.NewNgWriter(&ng, a.link)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if err := w.WritePacket(f.info, f.data); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{PacketsDropped: pcapgo.NgNoValue64}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(&packed)
		if _, err := io.Copy(z, pcap(t, all, a)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		want := linesOf(whole)
		for name, r := range map[string]io.Reader{
			"pcapng": &ng, "packed": &packed, "raw": frames(layers.LinkTypeRaw),
			"any, v1": frames(layers.LinkTypeLinuxSLL, 0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0),
			"any, v2": frames(layers.LinkTypeLinuxSLL2, 8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0),
			"vlan":    frames(layers.LinkTypeEthernet, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0),
		} {
			if diff := cmp.Diff(want, linesOf(listing(t, r, Options{Port: a.port}))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestWhatACaptureCannotTellIsSaid(t *testing.T) {
	each(t, func(t *testing.T, all []framed, a about, whole *compare.Listing) {
		raw, err := io.ReadAll(pcap(t, all, a))
		if err != nil {
			t.Fatal(err)
		}
		l := listing(t, bytes.NewReader(raw[:len(raw)/2]), Options{Port: a.port})
		if n := len(l.Losses); n == 0 || l.Losses[n-1].To != math.MaxInt64 {
			t.Errorf("a file that was cut in half: losses %+v", l.Losses)
		}
		l = listing(t, pcap(t, all, about{link: layers.LinkTypeFDDI}), Options{Port: a.port})
		if len(l.Statements) > 0 || len(l.Losses) != 1 || l.Losses[0].Why != WhyLink {
			t.Errorf("frames of another kind: %d statements, losses %+v", len(l.Statements), l.Losses)
		}
		var s compare.Statement
		if err := New(strings.NewReader("what is no capture"), Options{}).Next(&s); err == nil {
			t.Error("no error for what is no capture")
		}
	})
}

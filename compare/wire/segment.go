// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// segment is a packet of TCP.
type segment struct {
	from, to      netip.AddrPort
	seq, ack      uint32
	syn, fin, rst bool
	acks          bool
	payload       []byte
	missing       int // bytes of it that were not captured
	at            int64
	number        uint64
}

// dissector takes packets apart.
type dissector struct {
	parsers  map[gopacket.LayerType]*gopacket.DecodingLayerParser
	decoded  []gopacket.LayerType
	ethernet layers.Ethernet
	vlan     layers.Dot1Q
	sll      layers.LinuxSLL
	sll2     layers.LinuxSLL2
	loopback layers.Loopback
	ip4      layers.IPv4
	ip6      layers.IPv6
	tcp      layers.TCP
	payload  gopacket.Payload
}

func newDissector() *dissector {
	d := &dissector{parsers: make(map[gopacket.LayerType]*gopacket.DecodingLayerParser)}
	for _, first := range []gopacket.LayerType{
		layers.LayerTypeEthernet, layers.LayerTypeLinuxSLL, layers.LayerTypeLinuxSLL2, layers.LayerTypeLoopback,
		layers.LayerTypeIPv4, layers.LayerTypeIPv6,
	} {
		p := gopacket.NewDecodingLayerParser(first, &d.ethernet, &d.vlan, &d.sll, &d.sll2, &d.loopback, &d.ip4, &d.ip6, &d.tcp, &d.payload)
		p.IgnoreUnsupported = true
		d.parsers[first] = p
	}
	return d
}

// firstLayer of a packet with that framing, 0: none that is known.
func firstLayer(link layers.LinkType, data []byte) gopacket.LayerType {
	switch link {
	case layers.LinkTypeEthernet:
		return layers.LayerTypeEthernet
	case layers.LinkTypeLinuxSLL:
		return layers.LayerTypeLinuxSLL
	case layers.LinkTypeLinuxSLL2:
		return layers.LayerTypeLinuxSLL2
	case layers.LinkTypeNull, layers.LinkTypeLoop:
		return layers.LayerTypeLoopback
	case layers.LinkTypeRaw, layers.LinkTypeIPv4, layers.LinkTypeIPv6:
		if len(data) > 0 && data[0]>>4 == 6 {
			return layers.LayerTypeIPv6
		}
		return layers.LayerTypeIPv4
	}
	return 0
}

// segment fills in what a packet is, if it is one of TCP. It returns why that cannot be told, if so.
func (d *dissector) segment(s *segment, data []byte, info gopacket.CaptureInfo, link layers.LinkType) (ok bool, why string) {
	parser := d.parsers[firstLayer(link, data)]
	if parser == nil {
		return false, WhyLink
	}
	if parser.DecodeLayers(data, &d.decoded) != nil {
		if info.CaptureLength < info.Length {
			return false, WhyCut
		}
		return false, ""
	}
	var from, to netip.Addr
	isTCP := false
	for _, layer := range d.decoded {
		switch layer {
		case layers.LayerTypeIPv4:
			from, _ = netip.AddrFromSlice(d.ip4.SrcIP)
			to, _ = netip.AddrFromSlice(d.ip4.DstIP)
			if d.ip4.Protocol == layers.IPProtocolTCP && (d.ip4.FragOffset > 0 || d.ip4.Flags&layers.IPv4MoreFragments != 0) {
				why = WhyFragment
			}
		case layers.LayerTypeIPv6:
			from, _ = netip.AddrFromSlice(d.ip6.SrcIP)
			to, _ = netip.AddrFromSlice(d.ip6.DstIP)
		case layers.LayerTypeTCP:
			isTCP = true
		}
	}
	if !isTCP || !from.IsValid() {
		return false, why
	}
	*s = segment{
		from: netip.AddrPortFrom(from.Unmap(), uint16(d.tcp.SrcPort)), to: netip.AddrPortFrom(to.Unmap(), uint16(d.tcp.DstPort)),
		seq: d.tcp.Seq, ack: d.tcp.Ack, syn: d.tcp.SYN, fin: d.tcp.FIN, rst: d.tcp.RST, acks: d.tcp.ACK,
		payload: d.tcp.Payload, missing: max(0, info.Length-info.CaptureLength), at: info.Timestamp.UnixNano(),
	}
	return true, ""
}

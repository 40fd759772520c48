// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture is a file of packets.
type capture struct {
	source interface {
		ZeroCopyReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	}
	link    layers.LinkType // of all packets, if each does not tell
	number  uint64          // of the packet read last, from 1, as Wireshark counts
	dropped uint64          // packets, that the one who captured says to have lost
}

const ngMagic = 0x0a0d0d0a

// openCapture reads the head of a file.
func openCapture(r io.Reader) (*capture, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	magic, err := buffered.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("no capture file: %w", err)
	}
	if binary.BigEndian.Uint32(magic) == ngMagic {
		return openNg(buffered)
	}
	source, err := pcapgo.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("no capture file: %w", err)
	}
	return &capture{source: source, link: source.LinkType()}, nil
}

func openNg(r io.Reader) (*capture, error) {
	c := new(capture)
	perInterface := make(map[int]uint64)
	source, err := pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{
		WantMixedLinkType: true, SkipUnknownVersion: true,
		StatisticsCallback: func(i int, s pcapgo.NgInterfaceStatistics) {
			if s.PacketsDropped != pcapgo.NgNoValue64 { // it counts from the beginning
				c.dropped += s.PacketsDropped - min(s.PacketsDropped, perInterface[i])
				perInterface[i] = s.PacketsDropped
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("no capture file: %w", err)
	}
	c.source = source
	return c, nil
}

// next returns a packet, valid until the next one, and how it is framed.
func (c *capture) next() ([]byte, gopacket.CaptureInfo, layers.LinkType, error) {
	data, info, err := c.source.ZeroCopyReadPacketData()
	if err != nil {
		return nil, info, 0, err
	}
	c.number++
	link := c.link
	if len(info.AncillaryData) > 0 {
		link, _ = info.AncillaryData[0].(layers.LinkType)
	}
	return data, info, link, nil
}

// ended reports whether an error is the end of a file, and whether it is in the middle of a packet.
func ended(err error) (end, cut bool) {
	cut = errors.Is(err, io.ErrUnexpectedEOF)
	return cut || errors.Is(err, io.EOF), cut
}

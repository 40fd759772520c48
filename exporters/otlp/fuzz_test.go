// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"testing"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

// chaos makes spans out of arbitrary bytes.
type chaos struct{ data []byte }

func (c *chaos) byte() byte {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

func (c *chaos) uint64() (n uint64) {
	for range 8 {
		n = n<<8 | uint64(c.byte())
	}
	return n
}

func (c *chaos) string() string {
	n := min(int(c.byte()), len(c.data))
	s := string(c.data[:n])
	c.data = c.data[n:]
	return s
}

func (c *chaos) attrs() []bridge.Attr {
	var attrs []bridge.Attr
	for range c.byte() % 5 {
		key := c.string()
		switch c.byte() % 4 {
		case 0:
			attrs = append(attrs, bridge.String(key, c.string()))
		case 1:
			attrs = append(attrs, bridge.Int(key, int64(c.uint64())))
		case 2:
			attrs = append(attrs, bridge.Bool(key, c.byte()&1 == 1))
		case 3:
			f := math.Float64frombits(c.uint64())
			if math.IsNaN(f) {
				f = math.NaN() // JSON has only one
			}
			attrs = append(attrs, bridge.Float(key, f))
		}
	}
	return attrs
}

func (c *chaos) span(resources []*bridge.Resource) bridge.Span {
	s := bridge.Span{
		TraceState: c.string(), Name: c.string(), StatusText: c.string(),
		Flags: uint32(c.uint64()), Kind: bridge.Kind(c.byte() % 6), Status: bridge.StatusCode(c.byte() % 3),
		StartNs: int64(c.uint64()), EndNs: int64(c.uint64()),
		Attrs: c.attrs(), Resource: resources[int(c.byte())%len(resources)],
	}
	for i := range s.TraceID {
		s.TraceID[i] = c.byte()
	}
	for i := range s.SpanID {
		s.SpanID[i], s.Parent[i] = c.byte(), c.byte()
	}
	for range c.byte() % 3 {
		s.Links = append(s.Links, bridge.Link{
			TraceID: s.TraceID, SpanID: s.Parent, TraceState: c.string(), Flags: uint32(c.byte()), Attrs: c.attrs(),
		})
	}
	return s
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x05hello\x07SELECT \x03\xff\xfe\xfd and so on, with \x04 more bytes than a span takes"))
	f.Add([]byte("\x02\xe2\x82\x01\xc3\x00\x00\x00\x01\x01\x01\x02\x02\x03\x04\x03key\x00\x03val\x03key\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chaos{data: data}
		resources := []*bridge.Resource{nil, {Attrs: c.attrs()}, {Attrs: c.attrs()}}
		var batch []bridge.Span
		for range 1 + c.byte()%4 {
			batch = append(batch, c.span(resources))
		}
		ref := reference{version: valid(c.string()), schema: valid(c.string())}
		want := ref.request(batch)

		binary := &Encoder{Version: ref.version, SchemaURL: ref.schema}
		requireEqual(t, "binary", want, unmarshal(t, binary.Encode(nil, batch)))
		text := (&JSONEncoder{Version: ref.version, SchemaURL: ref.schema}).Encode(nil, batch)
		got, err := otlptest.UnmarshalTracesJSON(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		requireEqual(t, "json", want, got)
	})
}

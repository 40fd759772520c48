// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecodeResponse(t *testing.T) {
	full := marshal(t, &coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 300, ErrorMessage: "too many"},
	})
	tests := map[string]struct {
		data []byte
		want answer
		bad  bool
	}{
		"nothing":                    {},
		"a partial success":          {data: full, want: answer{rejected: 300, message: "too many"}},
		"fields of a later protocol": {data: append([]byte{0x7a, 1, 'x', 0x79, 1, 2, 3, 4, 5, 6, 7, 8}, full...), want: answer{rejected: 300, message: "too many"}},
		"cut short":                  {data: full[:len(full)-3], bad: true},
		"no protobuf":                {data: []byte("<html>"), bad: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeResponse(test.data)
			if (err != nil) != test.bad {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(answer{})); err == nil && diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestDecodeResponseJSON(t *testing.T) {
	tests := map[string]struct {
		want answer
		bad  bool
	}{
		`{}`:                    {},
		`{"partialSuccess":{}}`: {},
		`{"partialSuccess":{"rejectedSpans":null}}`:                           {},
		`{"partialSuccess":{"rejectedSpans":"12","errorMessage":"too many"}}`: {want: answer{rejected: 12, message: "too many"}},
		`{"partialSuccess":{"rejectedSpans":12},"later":[1]}`:                 {want: answer{rejected: 12}},
		`{"partialSuccess":{"rejectedSpans":"many"}}`:                         {bad: true},
		`<html>`: {bad: true},
		``:       {bad: true},
	}
	for text, test := range tests {
		got, err := decodeResponseJSON([]byte(text))
		if (err != nil) != test.bad || (err == nil && got != test.want) {
			t.Errorf("%s: got %+v, error %v", text, got, err)
		}
	}
}

func TestDecodeStatus(t *testing.T) {
	got, err := decodeStatus(marshal(t, &spb.Status{Code: 3, Message: "bad span"}))
	if err != nil || got != "bad span" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add(marshal(f, &coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: -1, ErrorMessage: "x"},
	}))
	f.Add([]byte("\x0a\x02\x08\x01\x0a\x03\x12\x01y"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeResponse(data)
		want := &coltracepb.ExportTraceServiceResponse{}
		if proto.Unmarshal(data, want) != nil {
			return // stricter than needed for a reply
		}
		if err != nil {
			t.Fatalf("the official types take it: %v", err)
		}
		partial := want.GetPartialSuccess()
		if len(want.ProtoReflect().GetUnknown()) == 0 && len(partial.ProtoReflect().GetUnknown()) == 0 &&
			(got.rejected != partial.GetRejectedSpans() || got.message != partial.GetErrorMessage()) {
			t.Fatalf("got %+v, want %v", got, partial)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestJSONEncoderEqualsTheOfficialTypes(t *testing.T) {
	for name, batch := range encoderBatches() {
		for _, ref := range []reference{{}, {version: "1.2.3", schema: "https://opentelemetry.io/schemas/1.43.0"}} {
			t.Run(fmt.Sprintf("%s, version %q", name, ref.version), func(t *testing.T) {
				e := &JSONEncoder{Version: ref.version, SchemaURL: ref.schema}
				want := ref.request(batch)
				for round := range 2 {
					text := e.Encode([]byte("before"), batch)
					if !bytes.HasPrefix(text, []byte("before")) || bytes.ContainsAny(text, "\n\r\u2028") {
						t.Fatalf("not one line appended: %q", text)
					}
					got, err := otlptest.UnmarshalTracesJSON(text[len("before"):])
					if err != nil {
						t.Fatal(err)
					}
					requireEqual(t, fmt.Sprintf("round %d", round), want, got)
				}
			})
		}
	}
}

func TestJSONGolden(t *testing.T) {
	other := plainSpan()
	other.Resource = otherResource
	text := (&JSONEncoder{Version: "1.2.3"}).Encode(nil, []bridge.Span{fullSpan(), other, plainSpan()})
	var got bytes.Buffer
	if err := json.Indent(&got, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	file := filepath.Join("testdata", "request.json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("want -, got + (-update writes it anew):\n%s", diff)
	}
}

// SPDX-License-Identifier: Apache-2.0

package otlptest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// UnmarshalTracesJSON decodes OTLP's JSON form of a traces request. Unknown
// members and ids that are not hexadecimal are errors.
func UnmarshalTracesJSON(data []byte) (*coltracepb.ExportTraceServiceRequest, error) {
	request := &coltracepb.ExportTraceServiceRequest{}
	return request, unmarshalJSON(data, request)
}

// UnmarshalMetricsJSON decodes OTLP's JSON form of a metrics request, as
// strictly as [UnmarshalTracesJSON].
func UnmarshalMetricsJSON(data []byte) (*colmetricspb.ExportMetricsServiceRequest, error) {
	request := &colmetricspb.ExportMetricsServiceRequest{}
	return request, unmarshalJSON(data, request)
}

// unmarshalJSON rewrites what OTLP has of its own into protobuf's JSON mapping:
// ids are hexadecimal instead of base64.
func unmarshalJSON(data []byte, into proto.Message) error {
	if !utf8.Valid(data) { // which encoding/json would repair in silence
		return errors.New("parse JSON: not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return fmt.Errorf("parse JSON: %w", err)
	}
	if decoder.More() {
		return errors.New("parse JSON: data after the request")
	}
	if err := idsToBase64(tree); err != nil {
		return err
	}
	mapped, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("map JSON: %w", err)
	}
	if err := protojson.Unmarshal(mapped, into); err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	return nil
}

func idsToBase64(node any) error {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			if err := idsToBase64(child); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, child := range node {
			text, ok := child.(string)
			switch name {
			case "traceId", "spanId", "parentSpanId":
				id, err := hex.DecodeString(text)
				if !ok || err != nil {
					return fmt.Errorf("decode %s %v: not hexadecimal", name, child)
				}
				node[name] = base64.StdEncoding.EncodeToString(id)
			case "kind", "code", "aggregationTemporality":
				if ok {
					return fmt.Errorf("decode %s %q: enumerations are numbers", name, text)
				}
			default:
				if err := idsToBase64(child); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/spanbridge/spanbridge/bridge"
)

var server = &bridge.Resource{Attrs: []bridge.Attr{bridge.String("service.name", "mysql")}}

func running() bridge.Running {
	return bridge.Running{
		Span: bridge.Span{
			TraceID: bridge.TraceID{1, 2}, SpanID: bridge.SpanID{3, 4}, Flags: bridge.FlagSampled, Name: "UPDATE orders",
			StartNs: 1_700_000_000_000_000_000, EndNs: 1_700_000_012_345_000_000, Resource: server,
			Attrs: []bridge.Attr{
				bridge.String("db.query.text", "UPDATE orders SET a = ?"), bridge.Int("spanbridge.connection.id", 7),
				bridge.Float("spanbridge.running.duration", 12.345), bridge.Bool("spanbridge.unfinished", true),
			},
		},
		Age: 12345 * time.Millisecond, Wait: "row lock wait", Waited: 12200 * time.Millisecond, Connection: 7, Blocker: 5,
	}
}

const body = "UPDATE orders has been running for 12.3 s: row lock wait for 12.2 s, held by connection 5"

// check holds a request against what running is.
func check(t *testing.T, request *collector.ExportLogsServiceRequest) {
	t.Helper()
	if len(request.ResourceLogs) != 1 || len(request.ResourceLogs[0].ScopeLogs) != 1 || len(request.ResourceLogs[0].ScopeLogs[0].LogRecords) != 1 {
		t.Fatalf("request %v", request)
	}
	of, scope := request.ResourceLogs[0].Resource, request.ResourceLogs[0].ScopeLogs[0].Scope
	if len(of.Attributes) != 1 || of.Attributes[0].Value.GetStringValue() != "mysql" || scope.Name != scopeName || scope.Version != "1.2.3" {
		t.Errorf("resource %v, scope %v", of, scope)
	}
	r := request.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
	if r.TimeUnixNano != 1_700_000_012_345_000_000 || r.ObservedTimeUnixNano == 0 || r.SeverityNumber != 13 || r.SeverityText != "WARN" ||
		r.Body.GetStringValue() != body || r.EventName != EventName || r.Flags != 1 {
		t.Errorf("record %v", r)
	}
	if hex.EncodeToString(r.TraceId) != "01020000000000000000000000000000" || hex.EncodeToString(r.SpanId) != "0304000000000000" {
		t.Errorf("ids %x %x", r.TraceId, r.SpanId)
	}
	attrs := make(map[string]any)
	for _, a := range r.Attributes {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			attrs[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			attrs[a.Key] = v.IntValue
		case *common.AnyValue_DoubleValue:
			attrs[a.Key] = v.DoubleValue
		case *common.AnyValue_BoolValue:
			attrs[a.Key] = v.BoolValue
		}
	}
	want := map[string]any{
		"db.query.text": "UPDATE orders SET a = ?", "spanbridge.connection.id": int64(7),
		"spanbridge.running.duration": 12.345, "spanbridge.unfinished": true,
	}
	if diff := cmp.Diff(want, attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// lines keeps what is written.
type lines [][]byte

func (l *lines) WriteLine(line []byte) error { *l = append(*l, line); return nil }

func TestLinesAreOfTheOfficialTypes(t *testing.T) {
	var written lines
	if err := (Lines{To: &written, Version: "1.2.3"}).ExportRunning(t.Context(), []bridge.Running{running()}); err != nil {
		t.Fatal(err)
	}
	// OTLP JSON has ids in hexadecimal, which the official types do not know.
	var request collector.ExportLogsServiceRequest
	if err := (protojson.UnmarshalOptions{}).Unmarshal(written[0], &request); err != nil {
		t.Fatalf("%v\n%s", err, written[0])
	}
	r := request.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
	r.TraceId, r.SpanId = unbase64(t, r.TraceId), unbase64(t, r.SpanId)
	check(t, &request)
}

// unbase64 takes back that hexadecimal digits were read as base64.
func unbase64(t *testing.T, id []byte) []byte {
	t.Helper()
	back, err := hex.DecodeString(base64.StdEncoding.EncodeToString(id))
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestRecordsAreDeliveredWithTheResourceOfTheServer(t *testing.T) {
	got := make(chan *collector.ExportLogsServiceRequest, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var request collector.ExportLogsServiceRequest
		if err != nil || r.URL.Path != "/v1/logs" || proto.Unmarshal(data, &request) != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
		got <- &request
	}))
	defer receiver.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	deliver(t)
	check(t, <-got)
}

// deliver hands one record to the exporter and waits until it is delivered.
func deliver(t *testing.T) {
	t.Helper()
	o, err := NewOTLP(t.Context(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ExportRunning(t.Context(), []bridge.Running{running()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := o.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

// grpcReceiver takes what is exported to it.
type grpcReceiver struct {
	collector.UnimplementedLogsServiceServer
	got chan *collector.ExportLogsServiceRequest
}

func (r *grpcReceiver) Export(_ context.Context, request *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	r.got <- request
	return &collector.ExportLogsServiceResponse{}, nil
}

func TestRecordsAreDeliveredOverGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	receiver := &grpcReceiver{got: make(chan *collector.ExportLogsServiceRequest, 1)}
	server := grpc.NewServer()
	collector.RegisterLogsServiceServer(server, receiver)
	go server.Serve(listener)
	defer server.Stop()
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	deliver(t)
	check(t, <-receiver.got)
}

func TestAnUnknownProtocolIsRefused(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "smoke")
	if _, err := NewOTLP(t.Context(), ""); err == nil {
		t.Error("it was accepted")
	}
}

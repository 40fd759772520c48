// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// maxBody is how large a request may be, packed and unpacked. 512 spans, which MySQL sends at most by
	// default, are about 1.3 MB.
	maxBody = 16 << 20
	// maxRequests are decoded at a time.
	maxRequests = 4
)

// intake takes requests of OTLP/HTTP with traces in binary protobuf.
type intake struct {
	take    func(*coltracepb.ExportTraceServiceRequest)
	refused func()
	places  chan struct{}
}

func newIntake(take func(*coltracepb.ExportTraceServiceRequest), refused func()) *intake {
	return &intake{take: take, refused: refused, places: make(chan struct{}, maxRequests)}
}

func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case i.places <- struct{}{}:
		defer func() { <-i.places }()
	case <-r.Context().Done():
		return
	}
	request, status, err := read(w, r)
	if err != nil {
		i.refused()
		http.Error(w, err.Error(), status)
		return
	}
	i.take(request)
	w.Header().Set("Content-Type", "application/x-protobuf") // of an empty ExportTraceServiceResponse
}

// read decodes a body, or says why not, with a status after which no exporter tries again.
func read(w http.ResponseWriter, r *http.Request) (*coltracepb.ExportTraceServiceRequest, int, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-protobuf" {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("content type %q, want application/x-protobuf", kind)
	}
	raw, err := unpacked(http.MaxBytesReader(w, r.Body, maxBody), r.Header.Get("Content-Encoding"))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) || errors.Is(err, errLarge) {
			return nil, http.StatusRequestEntityTooLarge, err
		}
		return nil, http.StatusBadRequest, err
	}
	request := new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(raw, request); err != nil {
		return nil, http.StatusBadRequest, err
	}
	return request, 0, nil
}

var errLarge = errors.New("the body is too large once unpacked")

func unpacked(body io.Reader, encoding string) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return io.ReadAll(body)
	case "gzip":
	default:
		return nil, fmt.Errorf("content encoding %q, want gzip", encoding)
	}
	packed, err := gzip.NewReader(body)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(packed, maxBody+1))
	if len(raw) > maxBody {
		return nil, errLarge
	}
	return raw, err
}

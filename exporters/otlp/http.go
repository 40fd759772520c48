// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// maxReplyBytes is how much of a reply is read. An answer with a message takes
// a few hundred bytes.
const maxReplyBytes = 64 << 10

var errBodyClosed = errors.New("read request body: closed")

// httpTransport speaks OTLP/HTTP.
type httpTransport struct {
	client      *http.Client
	transport   *http.Transport
	url         string
	header      http.Header
	gzip        bool
	buffers     *bufferPool
	compressors sync.Pool // of *gzip.Writer
}

func newHTTPTransport(c Config, d destination, buffers *bufferPool) (*httpTransport, error) {
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}
	t := &httpTransport{
		transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        tlsConfig,
			TLSHandshakeTimeout:    c.Timeout,
			MaxIdleConnsPerHost:    c.Senders,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxReplyBytes,
			DisableCompression:     true, // of replies: a small one could unpack to a huge one
			ForceAttemptHTTP2:      true,
			// A peer that is gone without a word holds HTTP/2 requests for as
			// long as the kernel retransmits, unless it is asked.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		},
		url:     d.url.String(),
		header:  make(http.Header),
		gzip:    c.Compression == CompressionGzip,
		buffers: buffers,
	}
	t.client = &http.Client{
		Transport: t.transport,
		// A redirect could lead to plaintext, and carries headers along.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.header.Set("User-Agent", userAgent(c.Version))
	for name, value := range c.Headers {
		t.header.Set(name, value)
	}
	t.header.Set("Content-Type", "application/x-protobuf")
	if c.Protocol == ProtocolHTTPJSON {
		t.header.Set("Content-Type", "application/json")
	}
	if t.gzip {
		t.header.Set("Content-Encoding", "gzip")
	}
	return t, nil
}

func userAgent(version string) string {
	if version == "" {
		return "spanbridge"
	}
	return "spanbridge/" + version
}

func (t *httpTransport) close() { t.transport.CloseIdleConnections() }

func (t *httpTransport) send(ctx context.Context, r *request) (answer, *failure) {
	if t.gzip && !r.compressed {
		if err := t.compress(r); err != nil {
			return answer{}, &failure{err: err}
		}
	}
	httpRequest, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, newBody(r.body))
	if err != nil {
		return answer{}, &failure{err: fmt.Errorf("make request: %w", err)}
	}
	httpRequest.ContentLength = int64(len(r.body.data))
	httpRequest.GetBody = func() (io.ReadCloser, error) { return newBody(r.body), nil }
	httpRequest.Header = t.header.Clone()
	response, err := t.client.Do(httpRequest)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the URL is known
		}
		return answer{}, &failure{err: err, retry: true}
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes))
	if response.StatusCode/100 != 2 {
		return answer{}, httpFailure(response, reply)
	}
	if err != nil || len(reply) == maxReplyBytes {
		return answer{}, nil // accepted, whatever the rest would have said
	}
	return t.success(response, reply), nil
}

// success reads the answer. A body that makes no sense does not undo that the
// spans were accepted.
func (t *httpTransport) success(response *http.Response, reply []byte) answer {
	decode := decodeResponse
	if mediaType(response) == "application/json" {
		decode = decodeResponseJSON
	}
	a, err := decode(reply)
	if err != nil {
		return answer{}
	}
	return a
}

func mediaType(response *http.Response) string {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return media
}

// httpFailure applies
// https://opentelemetry.io/docs/specs/otlp/#failures-1.
func httpFailure(response *http.Response, reply []byte) *failure {
	text := string(reply)
	if mediaType(response) == "application/x-protobuf" {
		if message, err := decodeStatus(reply); err == nil {
			text = message
		}
	}
	f := &failure{err: &statusError{code: response.StatusCode, text: clean(text)}}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.retry = true
		f.after = parseRetryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	return f
}

// statusError is an HTTP status that is no success.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	s := "HTTP status " + strconv.Itoa(e.code)
	if name := http.StatusText(e.code); name != "" {
		s += " " + name
	}
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

// parseRetryAfter returns 0 if the header says nothing or makes no sense.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// compress replaces the body. Attempts after the first use the result again.
func (t *httpTransport) compress(r *request) error {
	packed := t.buffers.get(len(r.body.data) / 4)
	compressor, ok := t.compressors.Get().(*gzip.Writer)
	if !ok {
		compressor = gzip.NewWriter(packed)
	} else {
		compressor.Reset(packed)
	}
	defer t.compressors.Put(compressor)
	if _, err := compressor.Write(r.body.data); err != nil {
		return fmt.Errorf("compress request: %w", err)
	}
	if err := compressor.Close(); err != nil {
		return fmt.Errorf("compress request: %w", err)
	}
	r.body.unref()
	r.body, r.compressed = packed, true
	return nil
}

// body reads a buffer and holds a reference until it is closed. The client may
// read and close it at the same time, and after the response has come.
type body struct {
	mu     sync.Mutex
	buffer *buffer // nil once closed
	reader bytes.Reader
}

func newBody(b *buffer) *body {
	b.ref()
	r := &body{buffer: b}
	r.reader.Reset(b.data)
	return r
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer == nil {
		return 0, errBodyClosed
	}
	return b.reader.Read(p)
}

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer != nil {
		b.buffer.unref()
		b.buffer = nil
	}
	return nil
}

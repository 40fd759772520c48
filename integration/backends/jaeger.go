// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/template"
	"time"

	"github.com/spanbridge/spanbridge/integration/servers/process"
)

//go:embed jaeger.yaml
var jaegerConfig string

// Jaeger is a running Jaeger v2 with storage in memory.
type Jaeger struct {
	OTLPGRPC string // host:port
	OTLPHTTP string // http://host:port, without /v1/traces
	Query    string // http://host:port of the query API

	dir     string
	process *process.Process
}

// StartJaeger returns once Jaeger answers queries; the caller must call Stop.
func StartJaeger(ctx context.Context) (_ *Jaeger, err error) {
	binary, err := find("jaeger")
	if err != nil {
		return nil, err
	}
	ports, err := process.FreePorts(5)
	if err != nil {
		return nil, err
	}
	j := &Jaeger{
		OTLPGRPC: local(ports[0]),
		OTLPHTTP: "http://" + local(ports[1]),
		Query:    "http://" + local(ports[2]),
	}
	if j.dir, err = os.MkdirTemp("", "spanbridge-jaeger-"); err != nil {
		return nil, fmt.Errorf("make a directory for Jaeger: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(j.dir))
		}
	}()
	config := filepath.Join(j.dir, "config.yaml")
	if err := writeJaegerConfig(config, ports); err != nil {
		return nil, err
	}
	j.process, err = launch(ctx, exec.Command(binary, "--config", config), j.logFile(), func() error {
		_, err := j.get(ctx, "/api/services")
		return errors.Join(err, listens(j.OTLPGRPC), listens(local(ports[1])))
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

func writeJaegerConfig(path string, ports []int) error {
	t, err := template.New("jaeger.yaml").Parse(jaegerConfig)
	if err != nil {
		return fmt.Errorf("parse Jaeger's configuration: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct{ GRPC, HTTP, Query, QueryGRPC, Self int }{
		ports[0], ports[1], ports[2], ports[3], ports[4],
	})
	if err != nil {
		return fmt.Errorf("fill in Jaeger's configuration: %w", err)
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

func (j *Jaeger) logFile() string { return filepath.Join(j.dir, "log") }

// Log returns the end of what Jaeger has written.
func (j *Jaeger) Log() string { return process.Tail(j.logFile(), 20) }

// Stop ends Jaeger and removes its files.
func (j *Jaeger) Stop() error {
	return errors.Join(j.process.Stop(stopGrace), os.RemoveAll(j.dir))
}

// Trace returns the spans of the trace with the given id in hexadecimal, in no
// particular order. A trace that Jaeger does not have gives no spans and no error.
func (j *Jaeger) Trace(ctx context.Context, id string) ([]Span, error) {
	body, err := j.get(ctx, "/api/v3/traces/"+url.PathEscape(id))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var reply struct {
		Result otlpTraces `json:"result"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, fmt.Errorf("decode Jaeger's reply: %w", err)
	}
	return reply.Result.spans()
}

// WaitTrace polls until the trace has at least n spans, or returns what it has
// with the error of ctx.
func (j *Jaeger) WaitTrace(ctx context.Context, id string, n int) ([]Span, error) {
	return waitSpans(ctx, n, func() ([]Span, error) { return j.Trace(ctx, id) })
}

// Services returns the names of the services that have sent spans.
func (j *Jaeger) Services(ctx context.Context) ([]string, error) {
	body, err := j.get(ctx, "/api/services")
	if err != nil {
		return nil, err
	}
	var reply struct {
		Data []string `json:"data"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, fmt.Errorf("decode Jaeger's reply: %w", err)
	}
	return reply.Data, nil
}

// statusError is an HTTP reply other than 200.
type statusError struct {
	code int
	body string
}

func (e *statusError) Error() string { return "HTTP " + strconv.Itoa(e.code) + ": " + e.body }

func isNotFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == http.StatusNotFound
}

func (j *Jaeger) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.Query+path, nil)
	if err != nil {
		return nil, fmt.Errorf("query Jaeger: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("query Jaeger: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("query Jaeger: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("query Jaeger: %w", &statusError{resp.StatusCode, string(body)})
	}
	return body, nil
}

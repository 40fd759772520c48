// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"io"
	"net/http"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const index = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>spanbridge</title></head>
<body><h1>spanbridge</h1><p><a href="/metrics">Metrics</a></p></body></html>
`

func handler(registry *client.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true, // the only text format that carries exemplars
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		Registry:            registry,
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, index)
	})
	return mux
}

// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// takesNoMetrics reports whether a delivery failed because the backend receives
// other signals only, as Jaeger does: a receiver without a metrics pipeline does
// not serve the gRPC service, or the path /v1/metrics. The SDK's HTTP exporter
// tells the status code in the text of its error only.
func takesNoMetrics(err error) bool {
	return status.Code(err) == codes.Unimplemented || strings.Contains(err.Error(), ": 404 Not Found (")
}

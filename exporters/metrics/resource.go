// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// ServiceName is the service.name of the bridge unless OTEL_SERVICE_NAME or
// OTEL_RESOURCE_ATTRIBUTES say otherwise.
const ServiceName = "spanbridge"

// Resource describes the bridge itself, to which all metrics belong; the
// observed servers are told apart by attributes. It leaves the command line
// out, which may hold passwords. With an error, as for a malformed
// OTEL_RESOURCE_ATTRIBUTES, the resource holds what could be found out.
func Resource(ctx context.Context, version string) (*resource.Resource, error) {
	r, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithOSType(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(
			attribute.String("service.name", ServiceName),
			attribute.String("service.version", version),
		),
		resource.WithFromEnv(),
	)
	if err != nil {
		return r, fmt.Errorf("describe this process as a resource: %w", err)
	}
	return r, nil
}

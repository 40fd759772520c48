// SPDX-License-Identifier: Apache-2.0

// Package otlptest is an OTLP receiver for tests: gRPC and HTTP on loopback,
// decoding as strictly as the official types do, with faults on demand.
//
// A [Sink] keeps all that it accepted in memory. It is made for tests only: it
// has no limits, forwards nothing and listens on 127.0.0.1 alone.
package otlptest

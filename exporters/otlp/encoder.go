// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/spanbridge/spanbridge/bridge"
)

// maxCachedResources bounds the memory of encoded resources. A bridge watches
// few processes at a time; after so many restarts the cache starts anew.
const maxCachedResources = 1024

// Encoder encodes batches of spans as OTLP's binary ExportTraceServiceRequest.
//
// It computes all sizes first and then writes every byte once. In the steady
// state it allocates nothing but what dst lacks. Encoded resources are kept by
// the address of their [bridge.Resource], which must not change.
//
// The zero value is ready. An Encoder is used by one goroutine at a time.
type Encoder struct {
	// Version is the version of the instrumentation scope, often empty in
	// tests. It must not change after the first use.
	Version string
	// SchemaURL names the semantic conventions that attributes follow. It must
	// not change after the first use.
	SchemaURL string

	grouper
	scope     []byte // ScopeSpans.scope as a whole field
	schema    []byte // schema_url of ScopeSpans and ResourceSpans, as a whole field
	resources map[*bridge.Resource][]byte
}

// Encode appends the request for batch to dst. An empty batch gives an empty
// request. Neither the batch nor its strings are retained.
func (e *Encoder) Encode(dst []byte, batch []bridge.Span) []byte {
	size := e.prepare(batch)
	return e.write(slices.Grow(dst, size))
}

// prepare takes the batch in and returns the size of its request. The batch
// must stay as it is until write has returned.
func (e *Encoder) prepare(batch []bridge.Span) int {
	e.prepareFrames()
	e.group(batch)
	total := 0
	for i := range e.groups {
		g := &e.groups[i]
		for at := g.first; at >= 0; at = e.entries[at].next {
			size := spanSize(e.entries[at].span)
			e.entries[at].size = size
			g.spansSize += 1 + protowire.SizeBytes(size)
		}
		total += 1 + protowire.SizeBytes(e.resourceSpansSize(g))
	}
	return total
}

func (e *Encoder) scopeSpansSize(g *group) int {
	return len(e.scope) + g.spansSize + len(e.schema)
}

func (e *Encoder) resourceSpansSize(g *group) int {
	return len(e.resource(g.resource)) + 1 + protowire.SizeBytes(e.scopeSpansSize(g)) + len(e.schema)
}

// write appends the prepared request to dst and forgets the batch.
func (e *Encoder) write(dst []byte) []byte {
	for i := range e.groups {
		g := &e.groups[i]
		dst = appendLength(dst, tagRequestResourceSpans, e.resourceSpansSize(g))
		dst = append(dst, e.resource(g.resource)...)
		dst = appendLength(dst, tagResourceSpansScopeSpans, e.scopeSpansSize(g))
		dst = append(dst, e.scope...)
		for at := g.first; at >= 0; at = e.entries[at].next {
			dst = appendLength(dst, tagScopeSpansSpan, e.entries[at].size)
			dst = appendSpan(dst, e.entries[at].span)
		}
		dst = append(dst, e.schema...) // of the ScopeSpans
		dst = append(dst, e.schema...) // of the ResourceSpans
	}
	e.reset()
	return dst
}

func (e *Encoder) prepareFrames() {
	if e.scope != nil {
		return
	}
	var scope []byte
	scope = appendString(scope, tagScopeName, scopeName)
	scope = appendString(scope, tagScopeVersion, repairString(e.Version))
	e.scope = append(appendLength(nil, tagScopeSpansScope, len(scope)), scope...)
	e.schema = appendString(nil, tagSchemaURL, repairString(e.SchemaURL))
}

// resource returns the field ResourceSpans.resource, tag and length included.
func (e *Encoder) resource(r *bridge.Resource) []byte {
	if encoded, ok := e.resources[r]; ok {
		return encoded
	}
	var attrs []bridge.Attr
	if r != nil {
		attrs = repairAttrs(r.Attrs)
	}
	body := appendAttrs(nil, tagResourceAttributes, attrs)
	encoded := append(appendLength(nil, tagResourceSpansResource, len(body)), body...)
	if e.resources == nil || len(e.resources) >= maxCachedResources {
		e.resources = make(map[*bridge.Resource][]byte)
	}
	e.resources[r] = encoded
	return encoded
}

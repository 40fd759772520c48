// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/spanbridge/spanbridge/bridge"
)

// errorOther is the value that the semantic conventions give error.type when
// nothing more is known.
const errorOther = "_OTHER"

// seriesAttributes returns what tells a series from others. Process ids are
// left out, so that a series goes on when the server is restarted.
func seriesAttributes(op *bridge.Operation, instance *bridge.Instance, s bridge.Series) attribute.Set {
	kvs := make([]attribute.KeyValue, 0, 6+len(instance.MetricAttrs))
	for _, a := range instance.MetricAttrs {
		kvs = append(kvs, keyValue(a))
	}
	kvs = append(kvs, attribute.String("spanbridge.operation", op.Name))
	if op.System != "" {
		kvs = append(kvs, attribute.String("db.system.name", op.System))
	}
	kvs = append(kvs, tellApart(op, s.Namespace)...)
	if s.Failed {
		kind := errorOther
		if s.Status != 0 {
			kind = op.StatusCode(s.Status)
			if op.System != "" {
				kvs = append(kvs, attribute.String("db.response.status_code", kind))
			}
		}
		kvs = append(kvs, attribute.String("error.type", kind))
	}
	return attribute.NewSet(kvs...)
}

// tellApart returns what a namespace stands for: the database, or what the
// operation's fields are.
func tellApart(op *bridge.Operation, namespace string) (kvs []attribute.KeyValue) {
	if len(op.By) == 0 {
		if namespace != "" {
			kvs = append(kvs, attribute.String("db.namespace", printable(namespace)))
		}
		return kvs
	}
	for i, text := range strings.SplitN(namespace, bridge.SeriesSeparator, len(op.By)) {
		if text != "" {
			kvs = append(kvs, attribute.String(op.By[i].Key(), printable(text)))
		}
	}
	return kvs
}

// printable replaces what is no printing character of valid UTF-8. The value was
// read from the server's memory: one invalid string would make a receiver refuse
// all metrics, and people read scrapes in terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func keyValue(a bridge.Attr) attribute.KeyValue {
	switch a.Kind() {
	case bridge.KindInt:
		return attribute.Int64(a.Key, a.Int())
	case bridge.KindBool:
		return attribute.Bool(a.Key, a.Bool())
	case bridge.KindFloat:
		return attribute.Float64(a.Key, a.Float())
	default:
		return attribute.String(a.Key, a.Str())
	}
}

func attributeSet(attrs []bridge.Attr) attribute.Set {
	kvs := make([]attribute.KeyValue, len(attrs))
	for i, a := range attrs {
		kvs[i] = keyValue(a)
	}
	return attribute.NewSet(kvs...)
}

// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"strings"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/spanbridge/spanbridge/compare"
	"github.com/spanbridge/spanbridge/compare/logfile"
)

// attributes of a span by their names, which begin with "mysql.".
type attributes map[string]*commonpb.AnyValue

func attributesOf(span *tracepb.Span) attributes {
	all := make(attributes, len(span.GetAttributes()))
	for _, kv := range span.GetAttributes() {
		if name, ok := strings.CutPrefix(kv.GetKey(), "mysql."); ok {
			all[name] = kv.GetValue()
		}
	}
	return all
}

func (a attributes) text(name string) string { return a[name].GetStringValue() }

func (a attributes) number(name string) (n uint64, ok bool) {
	v, ok := a[name].GetValue().(*commonpb.AnyValue_IntValue)
	if !ok || v.IntValue < 0 {
		return 0, false
	}
	return uint64(v.IntValue), true
}

// kindOf tells by the name of the instrument what a span stands for.
func kindOf(span *tracepb.Span, event string) compare.Kind {
	group, name, _ := strings.Cut(strings.TrimPrefix(event, "statement/"), "/")
	switch {
	case span.GetKind() == tracepb.Span_SPAN_KIND_INTERNAL || group == "sp" || group == "scheduler":
		return compare.Inner
	case group == "sql":
		return compare.Query
	case group == "com" && name == "Execute":
		return compare.Execute
	case group == "com" && name == "Query":
		return compare.Query
	}
	return compare.Other
}

// statement makes a statement of a span, but for whose it is.
func statement(span *tracepb.Span, texts *logfile.Texts, maxText int) compare.Statement {
	a := attributesOf(span)
	event := a.text("event_name")
	start, end := int64(span.GetStartTimeUnixNano()), int64(span.GetEndTimeUnixNano())
	s := compare.Statement{Kind: kindOf(span, event), Start: start, Duration: time.Duration(max(0, end-start))}
	s.Has = compare.FieldsOf(compare.FieldDuration)
	told := func(f compare.Field, ok bool) {
		if ok {
			s.Has |= compare.FieldsOf(f)
		}
	}
	if text := a.text("sql_text"); text != "" && tellsOwnText(event) {
		s.Cut = len(text) > maxText-4 // it is cut between characters
		s.Text = texts.Statement([]byte(text), s.Cut)
		told(compare.FieldText, true)
	}
	number, ok := a.number("sql_errno")
	s.Error = uint32(number)
	told(compare.FieldError, ok)
	s.SQLState = texts.Name([]byte(a.text("sqlstate")))
	told(compare.FieldSQLState, s.Error != 0 && s.SQLState != "")
	s.Sent, ok = a.number("rows_sent")
	told(compare.FieldRowsSent, ok)
	s.Affected, ok = a.number("rows_affected")
	told(compare.FieldRowsAffected, ok)
	s.Examined, ok = a.number("rows_examined")
	told(compare.FieldRowsExamined, ok)
	number, ok = a.number("lock_time")
	s.LockTime = time.Duration(number) * time.Microsecond
	told(compare.FieldLockTime, ok)
	s.Database = texts.Name([]byte(a.text("current_schema")))
	told(compare.FieldDatabase, event != "statement/sql/change_db")
	return s
}

// tellsOwnText reports whether the text that a span has is that of the statement itself.
func tellsOwnText(event string) bool {
	return event != "statement/sql/execute_sql" && event != "statement/sql/prepare_sql"
}

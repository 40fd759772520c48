// SPDX-License-Identifier: Apache-2.0

package errorlog

import (
	"encoding/json"
	"fmt"

	"github.com/spanbridge/spanbridge/compare/logfile"
)

// object is what MySQL's component_log_sink_json writes, one a line
// (https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html).
type object struct {
	Code      int64  `json:"err_code"`
	Subsystem string `json:"subsystem"`
	Msg       string `json:"msg"`
	Time      string `json:"time"`
	Thread    uint64 `json:"thread"`
	SQLState  string `json:"SQL_state"`
	Label     string `json:"label"`
}

func (r *Reader) json(m *Message, line []byte) bool {
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return false
	}
	s, ok := logfile.ISO([]byte(o.Time))
	if !ok {
		return false
	}
	if m.Severity, ok = severityOf([]byte(o.Label)); !ok {
		return false
	}
	m.set(s)
	m.Connection = o.Thread
	if o.Code > 0 {
		m.Code = fmt.Sprintf("MY-%06d", o.Code)
	}
	m.Subsystem = r.texts.Name([]byte(o.Subsystem))
	m.SQLState = r.texts.Name([]byte(o.SQLState))
	m.Text = r.texts.Message([]byte(o.Msg))
	return true
}

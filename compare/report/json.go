// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the result, indented. Characters that mean something in HTML are
// escaped, so that the text may stand within a page.
func (r *Result) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Read reads what JSON has written.
func Read(from io.Reader) (*Result, error) {
	var r Result
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		return nil, fmt.Errorf("read the result of a comparison: %w", err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("read the result of a comparison: its format is %q, want %s", r.Format, Format)
	}
	return &r, nil
}

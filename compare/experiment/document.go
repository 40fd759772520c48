// SPDX-License-Identifier: Apache-2.0

package experiment

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spanbridge/spanbridge/compare/cost"
	"github.com/spanbridge/spanbridge/compare/interval"
)

// The kinds of experiments.
const (
	Micro = "micro" // one hit of a probe
	Macro = "macro" // a load on a server
)

// format is that of the file; readers refuse a later one.
const format = 1

// Document is what an experiment came to.
type Document struct {
	Format      int          `json:"format"`
	Kind        string       `json:"kind"`
	Taken       time.Time    `json:"taken"`
	Environment Environment  `json:"environment"`
	Figures     []Figure     `json:"figures"`
	Cost        *cost.Result `json:"cost,omitempty"` // of a macro experiment
}

// Figure is one thing that was measured.
type Figure struct {
	Name    string `json:"name"`
	What    string `json:"what,omitempty"`
	Unit    string `json:"unit"`
	Missing string `json:"missing,omitempty"` // why it could not be measured
	// More says that more is better; else less is.
	More bool `json:"more_is_better,omitempty"`
	interval.Estimate
	// Steps is the same in steps of arithmetic, by which it is seen whether
	// only the processor was slower; zero: it was not measured.
	Steps interval.Estimate `json:"steps,omitzero"`
	Pairs int               `json:"pairs,omitempty"` // slices that it is made of
}

// Save writes the document, as a whole or not at all.
func (d *Document) Save(path string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".experiment-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // unless it has its name by then
	_, err = file.Write(append(text, '\n'))
	if err == nil {
		err = file.Chmod(0o644)
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Load reads a document that Save has written.
func Load(path string) (*Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%s: no experiment: %w", path, err)
	}
	if d.Format != format || d.Kind != Micro && d.Kind != Macro {
		return nil, fmt.Errorf("%s: no experiment of format %d", path, format)
	}
	return &d, nil
}

// SPDX-License-Identifier: Apache-2.0

package experiment

import (
	"fmt"

	"github.com/spanbridge/spanbridge/compare/interval"
)

// Verdict is what became of a figure.
type Verdict string

// The verdicts.
const (
	Worse     Verdict = "worse"
	Better    Verdict = "better"
	Undecided Verdict = "no decision" // the intervals overlap, or only the processor was slower
	Small     Verdict = "below the threshold"
	Missing   Verdict = "missing" // on either side
)

// Decision is a figure beside its baseline.
type Decision struct {
	Figure  string            `json:"figure"`
	Unit    string            `json:"unit"`
	Was     interval.Estimate `json:"was"`
	Is      interval.Estimate `json:"is"`
	Ratio   float64           `json:"ratio"` // of the values, 0: there is none
	Verdict Verdict           `json:"verdict"`
}

// Judgement is an experiment beside its baseline.
type Judgement struct {
	Threshold float64    `json:"threshold"`
	Told      []string   `json:"told,omitempty"` // what differs, and may be what is compared
	Decisions []Decision `json:"decisions"`
}

// Worse names the figures that have become worse.
func (j *Judgement) Worse() (figures []string) {
	for _, d := range j.Decisions {
		if d.Verdict == Worse {
			figures = append(figures, d.Figure)
		}
	}
	return figures
}

// DifferentError says why two experiments cannot be compared.
type DifferentError struct{ Why []string }

func (e *DifferentError) Error() string {
	text := "the baseline is of another environment"
	for _, w := range e.Why {
		text += "; " + w
	}
	return text
}

// Judge compares an experiment to a baseline. The threshold is by what share of the baseline a
// figure has to be worse. Different environments are a [DifferentError] unless insist is set.
func Judge(baseline, is *Document, threshold float64, insist bool) (*Judgement, error) {
	incomparable, told := is.Environment.Differences(baseline.Environment)
	if baseline.Kind != is.Kind {
		return nil, fmt.Errorf("the baseline is a %s experiment, not a %s one", baseline.Kind, is.Kind)
	}
	if len(incomparable) > 0 && !insist {
		return nil, &DifferentError{incomparable}
	}
	j := &Judgement{Threshold: threshold, Told: append(incomparable, told...)}
	was := make(map[string]*Figure)
	for i := range baseline.Figures {
		was[baseline.Figures[i].Name] = &baseline.Figures[i]
	}
	for i := range is.Figures {
		f := &is.Figures[i]
		if old := was[f.Name]; old != nil && (old.Missing == "" || f.Missing == "") {
			j.Decisions = append(j.Decisions, decide(old, f, threshold))
		}
	}
	return j, nil
}

func decide(was, is *Figure, threshold float64) Decision {
	d := Decision{Figure: is.Name, Unit: is.Unit, Was: was.Estimate, Is: is.Estimate}
	if was.Estimate.IsZero() || is.Estimate.IsZero() {
		d.Verdict = Missing
		return d
	}
	d.Ratio = is.Value / was.Value
	d.Verdict = verdict(was.Estimate, is.Estimate, is.More, threshold)
	if !was.Steps.IsZero() && !is.Steps.IsZero() && verdict(was.Steps, is.Steps, is.More, threshold) != d.Verdict {
		d.Verdict = Undecided
	}
	return d
}

func verdict(was, is interval.Estimate, more bool, threshold float64) Verdict {
	worse, better := Worse, Better
	if more {
		worse, better = Better, Worse
	}
	switch {
	case was.Overlaps(is):
		return Undecided
	case is.Low > was.High*(1+threshold):
		return worse
	case is.High < was.Low/(1+threshold):
		return better
	}
	return Small
}

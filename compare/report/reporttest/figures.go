// SPDX-License-Identifier: Apache-2.0

package reporttest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Figure is a number that a page shows, with where it is in the JSON: keys and
// indexes with dots in between.
type Figure struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Faults names the figures that are not those of the JSON, as far as their digits go.
func Faults(text []byte, figures []Figure) (faults []string) {
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		return []string{err.Error()}
	}
	for _, f := range figures {
		want, err := lookUp(root, f.Path)
		if err == nil {
			err = f.shows(want)
		}
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s shows %q: %v", f.Path, f.Text, err))
		}
	}
	return faults
}

func lookUp(at any, path string) (float64, error) {
	for key := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return 0, fmt.Errorf("no such place in the JSON")
			}
			at = v[i]
		}
	}
	v, ok := at.(float64)
	if !ok {
		return 0, fmt.Errorf("no number in the JSON")
	}
	return v, nil
}

// factors turn what is shown into the unit of the JSON, but for times, which are in
// nanoseconds here.
var factors = map[string]float64{
	"": 1, "%": 0.01, "B": 1, "ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "秒": 1e9,
}

// shows compares a text with a value: they differ by no more than rounding makes them.
func (f Figure) shows(want float64) error {
	if strings.HasSuffix(f.Path, "_micros") {
		want *= 1e3
	}
	text := strings.NewReplacer("\u00a0", " ", ",", "", "−", "-", "×", "", "+", "").Replace(f.Text)
	text, below := strings.CutPrefix(text, "<")
	digits := strings.TrimRight(text, "%Bnµms秒 ")
	factor, known := factors[strings.TrimSpace(text[len(digits):])]
	got, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known {
		return fmt.Errorf("no number with a unit")
	}
	last := 1.0
	if _, decimals, found := strings.Cut(digits, "."); found {
		last = math.Pow(10, -float64(len(decimals)))
	}
	room := last * factor / 2
	if nearlyAll := factor == 0.01 && 99.9 <= got && got < 100; nearlyAll {
		room *= 2 // never rounded up to all
	}
	switch {
	case below && 0 < want && want < got*factor, !below && math.Abs(got*factor-want) <= room*(1+1e-9):
		return nil
	}
	return fmt.Errorf("the JSON has %v", want)
}

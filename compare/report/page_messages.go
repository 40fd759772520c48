// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"

	"github.com/spanbridge/spanbridge/bridge/units"
)

// told is a message of the error log.
type told struct {
	At, Severity, Class string
	Text                string
	Where               string
	About               figure
}

// mostMessages bounds what is shown; the JSON has all.
const mostMessages = 50

// severities are the graver ones first.
var severities = []string{"Error", "Warning", "System", "Note"}

// told lists the messages that are the gravest, in order of time.
func (r *Result) told(w *words) (all []told) {
	for _, i := range r.gravest(mostMessages) {
		m := &r.Messages[i]
		one := told{
			At: m.At.Format("15:04:05.000"), Severity: w.known("severity."+m.Severity, m.Severity), Class: m.Severity, Text: m.Text,
			About: figure{units.Count(m.Statements), fmt.Sprintf("messages.%d.statements", i)},
		}
		if m.Code != "" {
			one.Text = m.Code + " " + one.Text
		}
		if m.Connection > 0 {
			one.Where = w.say("worst.connection", "n", fmt.Sprint(m.Connection))
		}
		all = append(all, one)
	}
	return all
}

// gravest finds so many of the messages, by index, in order of time.
func (r *Result) gravest(most int) (at []int) {
	for i := range r.Messages {
		at = append(at, i)
	}
	rank := func(i int) int { return slices.Index(severities, r.Messages[i].Severity) & 0xff } // what is unknown comes last
	slices.SortStableFunc(at, func(x, y int) int { return rank(x) - rank(y) })
	at = at[:min(len(at), most)]
	slices.Sort(at)
	return at
}

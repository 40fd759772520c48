// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"github.com/spanbridge/spanbridge/bridge/units"
)

//go:embed page
var pageFiles embed.FS

// page is what the templates show: texts and places of charts, no decisions.
type page struct {
	*Result
	Lang     string
	Policy   string // Content-Security-Policy
	Style    template.CSS
	Facts    []fact
	Glance   []glance
	Coverage []coverageRow
	Latency  *latencyChart // nil: no two accounts tell durations
	Cards    []card
	Costs    *costChart // nil: not measured
	Matrix   *matrix
	Worst    []disagreements
	Losses   []string
	Told     []told // by the error log
	Clocks   []clock
	How      []string
}

// fact is a line of the head.
type fact struct{ Label, Value string }

// figure is a number as it is shown, with where it is in the JSON: keys and
// indexes with dots in between.
type figure struct{ Text, Path string }

// HTML writes the result as a page that needs nothing else, in one of the
// Languages.
func (r *Result) HTML(out io.Writer, lang string) error {
	w, err := wordsOf(lang)
	if err != nil {
		return err
	}
	templates, err := template.New("page.html").Funcs(template.FuncMap{
		"t": w.say, "reason": w.reason, "label": w.account, "across": across, "up": up,
		"lines": func(text string) []string { return strings.Split(text, "\n") },
	}).ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return err
	}
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return err
	}
	return templates.Execute(out, r.page(w, style))
}

func (r *Result) page(w *words, style []byte) *page {
	return &page{
		Result: r, Lang: w.lang, Policy: policy(style), Style: template.CSS(style), Facts: r.facts(w), Glance: r.glance(w),
		Coverage: r.coverageRows(w), Latency: r.latencyChart(w), Cards: r.cards(w), Costs: r.costChart(w), Matrix: r.matrix(w),
		Worst: r.disagreements(w), Losses: r.losses(w), Told: r.told(w), Clocks: r.clocks(w),
		How: []string{w.say("how.statement"), w.say("how.pairs"), w.say("how.reference"), w.say("how.json")},
	}
}

// policy lets a page use its own style and nothing else: no script, no network.
func policy(style []byte) string {
	sum := sha256.Sum256(style)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'"
}

func (r *Result) facts(w *words) []fact {
	facts := []fact{
		{w.say("head.version"), r.Server.Version},
		{w.say("head.endpoint"), r.Server.Endpoint},
		{w.say("head.load"), r.Load},
		{w.say("head.started"), r.Started.Format(w.say("date"))},
		{w.say("head.lasted"), w.seconds(r.Seconds)},
		{w.say("head.host"), w.say("list", "a", r.Host.CPU, "b", w.say("head.cores", "n", units.Count(r.Host.Cores)))},
		{"Linux", r.Host.Kernel},
		{w.say("head.reference"), w.account(r.Reference)},
		{w.say("head.tool"), r.Tool},
	}
	shown := facts[:0]
	for _, f := range facts {
		if f.Value != "" && f.Value != r.Server.Release() { // which is the title
			shown = append(shown, f)
		}
	}
	return shown
}

// Release is the version without what packages put behind it.
func (s Server) Release() string {
	release, _, _ := strings.Cut(s.Version, "-")
	return release
}

// account names an account for people; one that nobody knows keeps its name.
func (w *words) account(name string) string { return w.known("name."+name, name) }

// SPDX-License-Identifier: Apache-2.0

//go:build integration

package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/compare/report/reporttest"
	"github.com/spanbridge/spanbridge/integration/browser"
)

var screenshots = flag.String("screenshots", "", "write pictures of the pages to this folder")

var (
	desktop = browser.View{Width: 1280, Height: 900}
	dark    = browser.View{Width: 1280, Height: 900, Dark: true}
	tablet  = browser.View{Width: 912, Height: 1368, Phone: true}
	phone   = browser.View{Width: 360, Height: 740, Phone: true}
	// A4 within margins of a centimetre, 96 pixels an inch; also where the screen is dark.
	paper     = browser.View{Width: 718, Height: 1047, Paper: true}
	paperDark = browser.View{Width: 718, Height: 1047, Paper: true, Dark: true}
)

func start(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// write makes the page of a result, and returns its address.
func write(t *testing.T, r *report.Result, lang string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), lang+".html")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := r.HTML(f, lang); err != nil {
		t.Fatal(err)
	}
	return "file://" + name
}

// see opens a page and expects that it fits that it can be read, and that nobody
// complains.
func see(t *testing.T, b *browser.Browser, address, name string, view browser.View) *browser.Page {
	t.Helper()
	p, err := b.Open(address, view)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	for _, c := range p.Complaints() {
		t.Errorf("%s: the browser complains: %s", name, c)
	}
	keep(t, p, name)
	// Closed parts are laid out when they are opened.
	var wide int
	eval(t, p, `document.querySelectorAll("details").forEach(d => d.open = true), document.documentElement.scrollWidth`, &wide)
	if wide > view.Width {
		t.Errorf("%s: the page is %d pixels wide, want at most %d", name, wide, view.Width)
	}
	var weak []string
	if eval(t, p, faint, &weak); len(weak) > 0 {
		t.Errorf("%s: texts that stand out too little: %q", name, weak)
	}
	var crooked []string
	if eval(t, p, aslant, &crooked); len(crooked) > 0 {
		t.Errorf("%s: labels of axes that are not at their lines: %q", name, crooked)
	}
	return p
}

// aslant lists labels of an axis above a table's charts that stand elsewhere than the lines below, or on each other.
const aslant = `(() => {
	const found = []
	for (const table of document.querySelectorAll("table.strips")) {
		const lines = [...table.querySelector("tbody svg").querySelectorAll("line")].map(l => l.getBoundingClientRect().x)
		const labels = [...table.querySelectorAll("thead svg text")]
		let end = 0
		labels.forEach((label, i) => {
			const box = label.getBoundingClientRect()
			if (box.x < end) found.push(label.textContent + " begins at " + box.x + ", and the one before ends at " + end)
			end = box.x + box.width
			if (!(Math.abs(box.x + box.width / 2 - lines[i]) < 2)) found.push(label.textContent + " at " + (box.x + box.width / 2) + ", not at " + lines[i])
		})
		if (labels.length < 2 || labels.length != lines.length) found.push(labels.length + " labels, " + lines.length + " lines")
	}
	return found
})()`

// faint lists texts that stand out too little: less than 4.5 to 1, as WCAG 2.2 has it in criterion 1.4.3.
const faint = `(() => {
	const parse = s => { const v = s.match(/[\d.]+/g).map(Number); return {c: v.slice(0, 3), a: v.length > 3 ? v[3] : 1} }
	const over = (top, below) => top.c.map((x, i) => x * top.a + below[i] * (1 - top.a))
	const behind = e => {
		if (!e) return [255, 255, 255]
		const own = parse(getComputedStyle(e).backgroundColor)
		return own.a == 1 ? own.c : over(own, behind(e.parentElement))
	}
	const light = c => c.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4).reduce((s, x, i) => s + x * [0.2126, 0.7152, 0.0722][i], 0)
	const found = new Set()
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement
		if (!n.data.trim() || e.getClientRects().length == 0 || e.closest("script, title, desc")) continue
		const style = getComputedStyle(e)
		const back = behind(e)
		const [a, b] = [light(over(parse(e.closest("svg") ? style.fill : style.color), back)), light(back)].sort((x, y) => y - x)
		if ((a + 0.05) / (b + 0.05) < 4.5) found.add(n.data.trim().slice(0, 40) + " " + ((a + 0.05) / (b + 0.05)).toFixed(2))
	}
	return [...found]
})()`

func eval(t *testing.T, p *browser.Page, expression string, value any) {
	t.Helper()
	if err := p.Eval(expression, value); err != nil {
		t.Fatal(err)
	}
}

func TestReportOpensWithoutAComplaintAndShowsTheFiguresOfItsJSON(t *testing.T) {
	b := start(t)
	for _, lang := range report.Languages() {
		address := write(t, reporttest.Sample(), lang)
		views := map[string]browser.View{"desktop": desktop, "tablet": tablet, "phone": phone}
		if lang == "en" {
			views["dark"] = dark
		}
		for name, view := range views {
			name := lang + "-" + name
			p := see(t, b, address, name, view)
			var seen struct {
				Lang, Title, JSON string
				Figures           []reporttest.Figure
				Hidden            int
			}
			eval(t, p, `({Lang: document.documentElement.lang, Title: document.title, JSON: document.getElementById("result").textContent,
				Figures: [...document.querySelectorAll("[data-json]")].map(e => ({path: e.dataset.json, text: e.innerText})),
				Hidden: [...document.querySelectorAll("[data-json]")].filter(e => e.getClientRects().length == 0).length})`, &seen)
			if seen.Lang != lang || seen.Title == "" {
				t.Errorf("%s: language %q, title %q", name, seen.Lang, seen.Title)
			}
			for _, fault := range reporttest.Faults([]byte(seen.JSON), seen.Figures) {
				t.Errorf("%s: %s", name, fault)
			}
			if len(seen.Figures) < 150 || seen.Hidden > 0 {
				t.Errorf("%s: %d figures, of which %d are not to be seen; want 150, and all", name, len(seen.Figures), seen.Hidden)
			}
		}
	}
}

func TestHostileStatementsStayTextInTheBrowser(t *testing.T) {
	b := start(t)
	r := reporttest.Hostile()
	for name, view := range map[string]browser.View{"desktop": desktop, "phone": phone} {
		p := see(t, b, write(t, r, "en"), "hostile-"+name, view)
		var seen struct {
			Title, JSON string
			Scripts     int
			Images      int
		}
		eval(t, p, `({Title: document.title, JSON: document.getElementById("result").textContent, Scripts: document.scripts.length, Images: document.images.length})`, &seen)
		if seen.Title == "owned" || seen.Scripts != 1 || seen.Images != 0 {
			t.Errorf("%s: title %.40q, %d scripts, %d images: a statement got out", name, seen.Title, seen.Scripts, seen.Images)
		}
		if !json.Valid([]byte(seen.JSON)) {
			t.Errorf("%s: the JSON in the page is broken", name)
		}
	}
}

// On paper nothing is closed or dark, and the charts keep their colours.
func TestReportIsPrintedWhole(t *testing.T) {
	b := start(t)
	for _, lang := range report.Languages() {
		address := write(t, reporttest.Sample(), lang)
		for name, view := range map[string]browser.View{"paper": paper, "paper-dark": paperDark} {
			name := lang + "-" + name
			p, err := b.Open(address, view)
			if err != nil {
				t.Fatal(err)
			}
			keep(t, p, name)
			var seen struct {
				Width, Hidden int
				Page          string
				Faint         []string
			}
			eval(t, p, `({Width: document.documentElement.scrollWidth, Page: getComputedStyle(document.body).backgroundColor, Faint: `+faint+`,
				Hidden: [...document.querySelectorAll("[data-json]")].filter(e => !e.checkVisibility({contentVisibilityAuto: true})).length})`, &seen)
			if seen.Width > view.Width || seen.Hidden > 0 || seen.Page != "rgb(255, 255, 255)" {
				t.Errorf("%s: %d pixels wide, %d figures hidden, on %s", name, seen.Width, seen.Hidden, seen.Page)
			}
			if len(seen.Faint) > 0 {
				t.Errorf("%s: texts that stand out too little: %q", name, seen.Faint)
			}
			p.Close()
		}
		pages(t, b, address, lang)
	}
}

// pages has a page printed from a dark screen.
func pages(t *testing.T, b *browser.Browser, address, lang string) {
	t.Helper()
	p, err := b.Open(address, dark)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	printed, err := p.Print()
	if err != nil {
		t.Fatal(err)
	}
	if *screenshots != "" {
		if err := os.WriteFile(filepath.Join(*screenshots, lang+".pdf"), printed, 0o644); err != nil {
			t.Error(err)
		}
	}
	n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(printed, -1))
	if !bytes.HasPrefix(printed, []byte("%PDF-")) || n < 4 || n > 40 {
		t.Errorf("%s: printed on %d pages, %.10q", lang, n, printed)
	}
}

// keep writes a picture, if pictures are wanted.
func keep(t *testing.T, p *browser.Page, name string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	picture, err := p.Screenshot()
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

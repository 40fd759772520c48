// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/compare/report"
	"github.com/spanbridge/spanbridge/compare/report/reporttest"
)

func page(t *testing.T, r *report.Result, lang string) *html.Node {
	t.Helper()
	var out bytes.Buffer
	if err := r.HTML(&out, lang); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"\x1b", "\u202e", "⟨", "ZgotmplZ"} {
		if strings.Contains(out.String(), c) {
			t.Errorf("%q is in the page in %s", c, lang)
		}
	}
	root, err := html.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func elements(root *html.Node, pick func(*html.Node) bool) (all []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && pick(n) {
			all = append(all, n)
		}
	}
	return all
}

func textOf(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text.WriteString(d.Data)
		}
	}
	return text.String()
}

func embedded(t *testing.T, root *html.Node) string {
	t.Helper()
	scripts := elements(root, func(n *html.Node) bool { return n.Data == "script" })
	if len(scripts) != 1 || attribute(scripts[0], "id") != "result" || attribute(scripts[0], "type") != "application/json" {
		t.Fatalf("%d scripts in the page, want the JSON alone", len(scripts))
	}
	return textOf(scripts[0])
}

func TestPageHoldsTheJSONAndShowsItsFigures(t *testing.T) {
	r := reporttest.Sample()
	for _, lang := range report.Languages() {
		root := page(t, r, lang)
		again, err := report.Read(strings.NewReader(embedded(t, root)))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(again, r) {
			t.Errorf("the JSON of the page in %s: %s", lang, cmp.Diff(r, again))
		}
		var figures []reporttest.Figure
		for _, n := range elements(root, func(n *html.Node) bool { return attribute(n, "data-json") != "" }) {
			figures = append(figures, reporttest.Figure{Path: attribute(n, "data-json"), Text: textOf(n)})
		}
		for _, fault := range reporttest.Faults([]byte(embedded(t, root)), figures) {
			t.Errorf("%s: %s", lang, fault)
		}
		if len(figures) < 150 {
			t.Errorf("%s: %d figures in the page only", lang, len(figures))
		}
	}
}

func TestWrongFiguresAreFound(t *testing.T) {
	for _, wrong := range []reporttest.Figure{
		{Path: "a_ns", Text: "1.24 µs"}, {Path: "share", Text: "98 %"}, {Path: "list.1", Text: "1,001"}, {Path: "list.2", Text: "0"}, {Path: "none", Text: "1"},
	} {
		if len(reporttest.Faults([]byte(`{"a_ns":1230,"share":0.97,"list":[1,1000]}`), []reporttest.Figure{wrong})) == 0 {
			t.Errorf("%+v is taken for right", wrong)
		}
	}
}

func TestPageStaysClosedWhateverIsInStatements(t *testing.T) {
	for _, lang := range report.Languages() {
		root := page(t, reporttest.Hostile(), lang)
		text := embedded(t, root)
		if !json.Valid([]byte(text)) || strings.Contains(text, "<") {
			t.Error("the JSON in the page can end its element")
		}
		for _, n := range elements(root, func(n *html.Node) bool { return true }) {
			if slices.Contains([]string{"img", "iframe", "object", "a", "form", "base"}, n.Data) {
				t.Errorf("<%s> in the page", n.Data)
			}
			for _, a := range n.Attr {
				external := slices.Contains([]string{"src", "href"}, a.Key) && a.Val != "data:,"
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || external {
					t.Errorf("<%s %s=%q> in the page", n.Data, a.Key, a.Val)
				}
			}
		}
		if !strings.Contains(textOf(root), "</script><script>document.title='owned'") {
			t.Error("the hostile statement is not shown as it is")
		}
	}
}

func TestNoEnglishIsLeftOnTheJapanesePage(t *testing.T) {
	root := page(t, reporttest.Sample(), "ja")
	if lang := attribute(root.FirstChild.NextSibling, "lang"); lang != "ja" {
		t.Errorf("the page says that it is in %q, want ja", lang)
	}
	var check func(n *html.Node)
	check = func(n *html.Node) {
		if n.Data == "span" && attribute(n, "lang") == "en" {
			t.Errorf("%q is left in English", textOf(n))
		}
		if attribute(n, "translate") == "no" || n.Data == "script" || n.Data == "style" {
			return
		}
		texts := []string{attribute(n, "data-label"), attribute(n, "aria-label")}
		if n.Type == html.TextNode {
			texts = append(texts, n.Data)
		}
		for _, text := range texts {
			if found := report.English(text); found != "" {
				t.Errorf("%q is left in %q", found, text)
			}
		}
		for c := range n.ChildNodes() {
			check(c)
		}
	}
	check(root)
}

func TestChartsHaveATitleAndATable(t *testing.T) {
	root := page(t, reporttest.Sample(), "en")
	charts := elements(root, func(n *html.Node) bool { return n.Data == "svg" && attribute(n, "role") == "img" })
	if len(charts) < 20 {
		t.Errorf("%d charts only", len(charts))
	}
	for _, svg := range charts {
		title := svg.FirstChild
		for title != nil && title.Type != html.ElementNode {
			title = title.NextSibling
		}
		if title == nil || title.Data != "title" || strings.TrimSpace(textOf(title)) == "" {
			t.Error("a chart has no title")
		}
	}
	for _, figure := range elements(root, func(n *html.Node) bool { return n.Data == "figure" }) {
		card := figure.Parent.Parent
		if len(elements(card, func(n *html.Node) bool { return n.Data == "table" })) == 0 {
			t.Error("a chart has no table beside it")
		}
	}
}

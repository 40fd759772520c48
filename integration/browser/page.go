// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"strings"
)

// View is how a page is looked at.
type View struct {
	Width, Height int // in CSS pixels
	Dark          bool
	Phone         bool // whether the page's own wish for its width counts
	Paper         bool // as it is printed
}

// Page is an open page.
type Page struct {
	browser *Browser
	target  string
	session string
}

// Open opens a page and waits until it is loaded. The caller closes it.
func (b *Browser) Open(url string, view View) (*Page, error) {
	p := &Page{browser: b}
	var target struct {
		ID string `json:"targetId"`
	}
	if err := b.wire.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	p.target = target.ID
	var session struct {
		ID string `json:"sessionId"`
	}
	if err := b.wire.call("", "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true}, &session); err != nil {
		return nil, err
	}
	p.session = session.ID
	scheme, media := "light", "screen"
	if view.Dark {
		scheme = "dark"
	}
	if view.Paper {
		media = "print"
	}
	for _, c := range []struct {
		method string
		params map[string]any
	}{
		{"Page.enable", nil}, {"Runtime.enable", nil}, {"Log.enable", nil},
		{"Emulation.setDeviceMetricsOverride", map[string]any{
			"width": view.Width, "height": view.Height, "deviceScaleFactor": 1, "mobile": view.Phone}},
		{"Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Page.navigate", map[string]any{"url": url}},
	} {
		if err := p.call(c.method, c.params, nil); err != nil {
			return nil, err
		}
	}
	return p, b.wire.await(p.session, "Page.loadEventFired")
}

func (p *Page) call(method string, params, result any) error {
	return p.browser.wire.call(p.session, method, params, result)
}

// Close closes the page.
func (p *Page) Close() error {
	return p.browser.wire.call("", "Target.closeTarget", map[string]any{"targetId": p.target}, nil)
}

// Eval evaluates an expression in the page, whose policy does not bind the
// protocol, and reads its value.
func (p *Page) Eval(expression string, value any) error {
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception *struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}
	if err := p.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer); err != nil {
		return err
	}
	if answer.Exception != nil {
		return fmt.Errorf("evaluate %.60q: %s", expression, answer.Exception.Text)
	}
	return json.Unmarshal(answer.Result.Value, value)
}

// Complaints are what stands on the console of the page: messages, exceptions,
// violations of its policy, whatever could not be loaded.
func (p *Page) Complaints() (all []string) {
	for _, e := range p.browser.wire.events {
		told := strings.HasPrefix(e.Method, "Log.") || e.Method == "Runtime.consoleAPICalled" || e.Method == "Runtime.exceptionThrown"
		if e.Session == p.session && told {
			all = append(all, string(e.Params))
		}
	}
	return all
}

// Screenshot returns a picture of the whole page as PNG.
func (p *Page) Screenshot() ([]byte, error) {
	var picture struct {
		Data []byte `json:"data"`
	}
	err := p.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &picture)
	return picture.Data, err
}

// Print returns the page as a PDF, on paper of the usual size of the browser.
func (p *Page) Print() ([]byte, error) {
	var paper struct {
		Data []byte `json:"data"`
	}
	err := p.call("Page.printToPDF", map[string]any{"printBackground": true}, &paper)
	return paper.Data, err
}

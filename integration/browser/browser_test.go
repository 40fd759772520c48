// SPDX-License-Identifier: Apache-2.0

//go:build integration

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestComplaintsOfTheBrowserAreSeen(t *testing.T) {
	b, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, test := range []struct{ name, page, want string }{
		{"none", `<p>x</p>`, ""},
		{"message", `<script>console.error("oh no")</script>`, "oh no"},
		{"exception", `<script>nobody()</script>`, "nobody is not defined"},
		{"policy", `<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><script>1</script>`, "Content Security Policy"},
		{"missing", `<img src="missing.png">`, "ERR_FILE_NOT_FOUND"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "page.html")
			if err := os.WriteFile(name, []byte("<!DOCTYPE html><html><body>"+test.page+"</body></html>"), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := b.Open("file://"+name, View{Width: 360, Height: 600})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var width int
			if err := p.Eval("window.innerWidth", &width); err != nil || width != 360 {
				t.Errorf("the page is seen at a width of %d, %v, want 360", width, err)
			}
			got := strings.Join(p.Complaints(), "\n")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("complaints: %s, want %q", got, test.want)
			}
		})
	}
}

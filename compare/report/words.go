// SPDX-License-Identifier: Apache-2.0

package report

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Languages lists what a page can be in, as BCP 47 names them.
func Languages() []string { return []string{"en", "ja"} }

//go:embed words/*.txt
var wordFiles embed.FS

// words are what is said in one language, by key.
type words struct {
	lang     string
	texts    map[string]string
	patterns []pattern // among them
}

var catalogues = sync.OnceValues(func() (map[string]*words, error) {
	all := make(map[string]*words)
	for _, lang := range Languages() {
		text, err := wordFiles.ReadFile("words/" + lang + ".txt")
		if err != nil {
			return nil, err
		}
		if all[lang], err = parseWords(lang, string(text)); err != nil {
			return nil, err
		}
	}
	return all, nil
})

func wordsOf(lang string) (*words, error) {
	all, err := catalogues()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("language %q: want one of %s", lang, strings.Join(Languages(), ", "))
	}
	return all[lang], nil
}

// parseWords reads lines "key = text"; those that begin with # are comments.
func parseWords(lang, text string) (*words, error) {
	w := &words{lang: lang, texts: make(map[string]string)}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		if n++; line == "" || line[0] == '#' {
			continue
		}
		key, said, found := strings.Cut(line, " = ")
		if _, twice := w.texts[key]; !found || twice || said == "" {
			return nil, fmt.Errorf("words/%s.txt:%d: want a new key, \" = \" and a text", lang, n)
		}
		w.texts[key] = said
	}
	w.patterns = patternsOf(w.texts)
	return w, nil
}

// say returns the text of a key, with the places filled: their names and what goes
// there take turns. A key that is not there is shown, which a test refuses.
func (w *words) say(key string, places ...string) string {
	text, found := w.texts[key]
	if !found {
		return "⟨" + key + "⟩"
	}
	for i := 0; i+1 < len(places); i += 2 {
		places[i] = "{" + places[i] + "}"
	}
	return strings.NewReplacer(places...).Replace(text)
}

// known returns the text of a key, or another one.
func (w *words) known(key, otherwise string) string {
	if text, found := w.texts[key]; found {
		return text
	}
	return otherwise
}

// step says what happens, or what a moment is, on the way of a statement.
func (w *words) step(english string) string { return w.known("step."+english, english) }

// trait says what a difference goes with.
func (w *words) trait(english string) string { return w.known("trait."+english, english) }

func (w *words) has(key string) bool { return w.texts[key] != "" }

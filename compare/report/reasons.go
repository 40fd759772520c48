// SPDX-License-Identifier: Apache-2.0

package report

import (
	"regexp"
	"slices"
	"strings"
)

// Reasons, and how accounts were had, are told in English by whoever knows them: accounts, servers,
// errors. Another language has lines "reason.ENGLISH = text" and "detail.ENGLISH = text" for them. A
// place in the English, such as {name}, is a word or a number that stays as it is, {text} several; {why} is a reason again.

// pattern is a key with such places.
type pattern struct {
	match *regexp.Regexp
	names []string
	key   string
	fixed int // bytes that are no places: the more, the better it fits
}

var placeOf = regexp.MustCompile(`\{[a-z]+\}`)

func patternOf(key string) pattern {
	p := pattern{key: key}
	var expression strings.Builder
	at := 0
	for _, place := range placeOf.FindAllStringIndex(key, -1) {
		expression.WriteString(regexp.QuoteMeta(key[at:place[0]]))
		p.fixed += place[0] - at
		name := key[place[0]+1 : place[1]-1]
		if p.names = append(p.names, name); name == "why" || name == "text" {
			expression.WriteString("(.+)")
		} else {
			expression.WriteString(`(\S+)`)
		}
		at = place[1]
	}
	expression.WriteString(regexp.QuoteMeta(key[at:]))
	p.fixed += len(key) - at
	p.match = regexp.MustCompile("^" + expression.String() + "$")
	return p
}

// patternsOf are those of a language, the closest first.
func patternsOf(texts map[string]string) (all []pattern) {
	for key := range texts {
		if (strings.HasPrefix(key, "reason.") || strings.HasPrefix(key, "detail.")) && placeOf.MatchString(key) {
			all = append(all, patternOf(key))
		}
	}
	slices.SortFunc(all, func(x, y pattern) int {
		if x.fixed != y.fixed {
			return y.fixed - x.fixed
		}
		return strings.Compare(x.key, y.key)
	})
	return all
}

// reason says it in the language, as far as the language has it.
func (w *words) reason(english string) string {
	if text, found := w.phrase("reason." + english); found {
		return text
	}
	for at := 0; ; at += len(": ") {
		next := strings.Index(english[at:], ": ")
		if next < 0 {
			break
		}
		if at += next; at == 0 {
			continue
		}
		if what, found := w.phrases(english[:at]); found {
			return w.say("because", "what", what, "why", w.reason(english[at+len(": "):]))
		}
	}
	if text, found := w.phrases(english); found {
		return text
	}
	return english
}

// detail says how an account was had.
func (w *words) detail(english string) string {
	if text, found := w.phrase("detail." + english); found {
		return text
	}
	return english
}

// phrases says a list, if the language has all of it.
func (w *words) phrases(english string) (string, bool) {
	if text, found := w.phrase("reason." + english); found {
		return text, true
	}
	for _, between := range []string{"; ", ", or ", ", ", " or "} {
		parts := strings.Split(english, between)
		said, found := w.phrase("reason." + parts[0])
		for _, part := range parts[1:] {
			next, too := w.phrase("reason." + part)
			said, found = w.say("list", "a", said, "b", next), found && too
		}
		if found {
			return said, true
		}
	}
	return "", false
}

// phrase says what the language has a line for.
func (w *words) phrase(key string) (string, bool) {
	if text, found := w.texts[key]; found {
		return text, true
	}
	for i := range w.patterns {
		p := &w.patterns[i]
		found := p.match.FindStringSubmatch(key)
		if found == nil {
			continue
		}
		var places []string
		for k, name := range p.names {
			value := found[k+1]
			if name == "why" {
				value = w.reason(value)
			}
			places = append(places, name, value)
		}
		return w.say(p.key, places...), true
	}
	return "", false
}

// SPDX-License-Identifier: Apache-2.0

package console

import "strings"

const ellipsis = "…"

// sameStatement reports whether a sanitised text can stem from another one, in
// which literals stand where the first has a question mark. Either may be cut.
func sameStatement(sanitised, text string) bool {
	sanitised, cut := strings.CutSuffix(sanitised, ellipsis)
	text, textCut := strings.CutSuffix(text, ellipsis)
	at, mark, literal := 0, -1, 0 // mark: the last question mark; literal: where its literal ends
	for i := 0; i < len(text); {
		switch {
		case at < len(sanitised) && sanitised[at] == '?':
			mark, literal = at, i
			at++
		case at < len(sanitised) && sanitised[at] == text[i]:
			at++
			i++
		case at == len(sanitised) && cut:
			return true
		case mark >= 0: // take one byte more as part of the literal
			literal++
			at, i = mark+1, literal
		default:
			return false
		}
	}
	return textCut || cut || strings.Trim(sanitised[at:], "?") == ""
}

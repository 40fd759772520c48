// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// Every command of the guide is one of this program, and takes those flags and
// arguments.
func TestCommandsOfTheGuideParse(t *testing.T) {
	text, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		_, command, ok := strings.Cut(line, "$ sudo spanbridge ")
		if !ok {
			if _, command, ok = strings.Cut(line, "$ spanbridge "); !ok {
				continue
			}
		}
		args := words(command)
		cmd, rest, err := rootCommand().Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || !cmd.Runnable() {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
		found[cmd.CommandPath()] = true
	}
	for _, c := range []string{"run", "doctor", "compare", "experiment micro", "experiment macro", "experiment judge", "probes generate", "profiles check"} {
		if !found["spanbridge "+c] {
			t.Errorf("the guide has no example of spanbridge %s", c)
		}
	}
}

// words splits a command as a shell does, up to what is not the program's any more: quotes
// hold together, and hold nothing that a shell would replace.
func words(command string) (all []string) {
	var word strings.Builder
	quoted := false
	flush := func() {
		if word.Len() > 0 {
			all = append(all, word.String())
			word.Reset()
		}
	}
	for _, r := range strings.TrimSpace(command) {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted || !strings.ContainsRune(" |;>", r):
			word.WriteRune(r)
		case r == ' ':
			flush()
		default:
			flush()
			return all
		}
	}
	flush()
	return all
}

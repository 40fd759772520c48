// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/compare/report"
)

// keys lists the names that a type has in JSON, and those of what it consists of.
func keys(t reflect.Type, into map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		keys(t.Elem(), into)
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return
		}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			into[name] = true
			keys(t.Field(i).Type, into)
		}
	}
}

func TestKeysOfTheJSONAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	keys(reflect.TypeFor[report.Result](), all)
	if len(all) < 60 {
		t.Fatalf("%d keys only", len(all))
	}
	for key := range all {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(key) {
			t.Errorf("the key %q is not in snake case", key)
		}
		if !regexp.MustCompile("[`.]" + key + "(\\[\\])?`").Match(text) {
			t.Errorf("docs/compare.md does not describe the key %q", key)
		}
	}
}

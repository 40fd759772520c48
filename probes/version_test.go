// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"strings"
	"testing"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

func TestTheVersionIsCutOutOfAText(t *testing.T) {
	server := &catalog.VersionText{In: "version", After: "PostgreSQL ", Before: " on "}
	for _, test := range []struct {
		text string
		of   *catalog.VersionText
		want string // "" for an error
	}{
		{"PostgreSQL 15.13 (Debian 15.13-0+deb12u1) on x86_64-pc-linux-gnu\x00more", server, "15.13 (Debian 15.13-0+deb12u1)"},
		{"PostgreSQL 17devel on aarch64", server, "17devel"},
		{"PostgreSQL 15.13\x00 on ", server, ""},
		{"PostgreSQL " + strings.Repeat("1", 60), server, ""},
		{"EnterpriseDB 15.13 on x86_64", server, ""},
		{"", server, ""},
		{"1.2.3\x00", &catalog.VersionText{}, "1.2.3"},
		{"1.2.3", &catalog.VersionText{}, ""},
		{"1.\xff on ", &catalog.VersionText{Before: " on "}, "1.\ufffd"},
	} {
		if got, err := partOf([]byte(test.text), test.of); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v, want %q", test.text, got, err, test.want)
		}
	}
}

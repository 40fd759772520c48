// SPDX-License-Identifier: Apache-2.0

package catalog

import "testing"

func TestAProfileIsProvenForTheSeriesItWasTestedWith(t *testing.T) {
	for _, c := range []struct {
		tested  []string
		version string
		want    bool
	}{
		{[]string{"9.7.4"}, "9.7.4", true},
		{[]string{"9.7.4"}, "9.7.4-2", true},
		{[]string{"9.7.4"}, "9.7.12-commercial", true},
		{[]string{"9.7.4"}, "9.8.4", false},
		{[]string{"9.7.4"}, "8.0.36", false},
		{[]string{"10.11.19", "11.8.9"}, "11.8.2-MariaDB-4 from Debian", true},
		{[]string{"10.11.19"}, "10.1.19", false},
		{[]string{"15.13"}, "15.18 (Debian 15.18-0+deb12u1)", true},
		{[]string{"15.13"}, "16.13", false},
		{[]string{"9.7"}, "9.7.4", true},
		{[]string{"9.7"}, "9.70.4", false},
		{[]string{"15"}, "15.13", true},
		{[]string{"15"}, "16beta1", false},
		{[]string{"15.13"}, "", false},
		{[]string{"15.13"}, "MariaDB 15.13", false},
		{[]string{"soon"}, "soon", false},
		{nil, "9.7.4", false},
	} {
		p := &Profile{Tested: c.tested}
		if got := p.Proves(c.version); got != c.want {
			t.Errorf("a profile tested with %q proves %q: %v, want %v", c.tested, c.version, got, c.want)
		}
	}
}

func TestVersionNumberIsTheDigitsInFront(t *testing.T) {
	for version, want := range map[string]string{
		"10.11.19-MariaDB-0+deb12u1": "10.11.19", "9.7.4": "9.7.4", "16beta1": "16", "8.": "8",
		"": "", "\x1b[2J9": "", "...": "",
	} {
		if got := VersionNumber(version); got != want {
			t.Errorf("VersionNumber(%q) = %q, want %q", version, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"slices"
	"testing"
)

func TestWhatIsPutBackIsWhatWasThereBeforeTheFirstChange(t *testing.T) {
	v := func(name, was, now string) Change { return Change{Variable, name, was, now} }
	for _, c := range []struct {
		name  string
		all   []Change
		want  []Change
		tried []string
	}{
		{"one", []Change{v("a", "1", "2")}, []Change{v("a", "1", "2")}, []string{"1"}},
		{"on and off again", []Change{v("a", "0", "ON"), v("b", "5", "6"), v("a", "1", "0"), v("a", "0", "ON")},
			[]Change{v("a", "0", "ON"), v("b", "5", "6")}, []string{"0", "5"}},
		{"a change that did not come about", []Change{v("a", "1", "2"), v("a", "2", "3"), v("a", "2", "4")},
			[]Change{v("a", "1", "4")}, []string{"2"}},
		{"somebody else's value in between", []Change{v("a", "1", "2"), v("a", "7", "3")},
			[]Change{v("a", "7", "3")}, []string{"7"}},
		{"kinds apart", []Change{{Instrument, "a", "NO", "YES"}, {Timing, "a", "NO", "YES"}},
			[]Change{{Instrument, "a", "NO", "YES"}, {Timing, "a", "NO", "YES"}}, []string{"NO", "NO"}},
	} {
		got, tried := outstanding(c.all)
		if !slices.Equal(got, c.want) || !slices.Equal(tried, c.tried) {
			t.Errorf("%s: %+v, tried %q", c.name, got, tried)
		}
	}
}

func TestValuesAreKnownHoweverTheServerWritesThem(t *testing.T) {
	for _, same := range [][2]string{
		{"0", "0.000000"}, {"ON", "1"}, {"off", "0"}, {"TABLE,FILE", "file, table"}, {"18446744073709551615", "18446744073709551615.0"}, {"-1", "-1"},
	} {
		if !sameValue(same[0], same[1]) {
			t.Errorf("%q and %q are not the same", same[0], same[1])
		}
	}
	for _, differ := range [][2]string{
		{"0", "0.000001"}, {"ON", "0"}, {"TABLE", "FILE,TABLE"}, {"18446744073709551615", "18446744073709551614"}, {"", "0"}, {"1e3", "1000"}, {".", "0"},
	} {
		if sameValue(differ[0], differ[1]) {
			t.Errorf("%q and %q are the same", differ[0], differ[1])
		}
	}
}

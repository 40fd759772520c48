// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"testing"
	"time"
)

func TestStampsOfAllForms(t *testing.T) {
	tokyo := time.FixedZone("", 9*3600)
	for text, want := range map[string]string{
		"2024-05-10T17:45:09.474988Z":       "2024-05-10T17:45:09.474988Z",
		"2024-05-10T17:45:09Z":              "2024-05-10T17:45:09Z",
		"2024-05-10T17:45:09.474988+05:30":  "2024-05-10T12:15:09.474988Z",
		"2024-01-01T00:00:00.000001-01:00":  "2024-01-01T01:00:00.000001Z",
		"2026-11-26T02:19:15.308412-00:00":  "2026-11-26T02:19:15.308412Z",
		"2024-05-10T17:45:09.474988z":       "",
		"2024-13-10T17:45:09.474988Z":       "",
		"2024-05-10 17:45:09.474988Z":       "",
		"2024-05-10T17:45:09.Z":             "",
		"2024-05-10T17:45:09.474988+05:3x":  "",
		"2024-05-10T17:45:09.474988 +05:30": "",
	} {
		check(t, text, want, func(b []byte) (Stamp, bool) { return ISO(b) })
	}
	for text, want := range map[string]string{
		"240510 17:45:09":            "2024-05-10T08:45:09Z",
		"240510  7:45:09":            "2024-05-09T22:45:09Z",
		"240510  7:45:09.000012":     "2024-05-09T22:45:09.000012Z",
		"2024-05-10 17:45:09":        "2024-05-10T08:45:09Z",
		"2024-05-10  7:45:09":        "2024-05-09T22:45:09Z",
		"240510 17:45":               "",
		"240510 17:45:09x":           "",
		"24x510 17:45:09":            "",
		"":                           "",
		"9999-99-99 99:99:99":        "",
		"2024-05-10 17:45:09.1.1":    "",
		"240510 17:45:09.0000000001": "2024-05-10T08:45:09Z",
	} {
		check(t, text, want, func(b []byte) (Stamp, bool) { return Local(b, tokyo) })
	}
}

func check(t *testing.T, text, want string, read func([]byte) (Stamp, bool)) {
	t.Helper()
	got := ""
	if s, ok := read([]byte(text)); ok {
		got = time.Unix(0, s.At).UTC().Format(time.RFC3339Nano)
	}
	if got != want {
		t.Errorf("%q is %q, want %q", text, got, want)
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.000244": 244 * time.Microsecond, "12": 12 * time.Second, "1.5": 1500 * time.Millisecond,
		"0.1234567891": 123456789, "": -1, ".5": -1, "5.": -1, "-1": -1, "1e3": -1, "99999999999999999999": -1, "1.x": -1,
	} {
		got, ok := Seconds([]byte(text))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if n, ok := Uint([]byte("18446744073709551600")); ok && n != 18446744073709551600 {
		t.Errorf("got %d", n)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add("2024-05-10T17:45:09.474988+05:30")
	f.Add("240510  7:45:09")
	f.Fuzz(func(_ *testing.T, s string) {
		ISO([]byte(s))
		Local([]byte(s), time.UTC)
		Seconds([]byte(s))
		Uint([]byte(s))
	})
}

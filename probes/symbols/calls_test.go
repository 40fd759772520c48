// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/calls"
)

// The functions of the program are zeros, and it has no table for unwinding: calls
// are certain only if the cache says so.
func newCalled(t *testing.T) (c *cached, function uint64, site calls.Site) {
	t.Helper()
	c = newCached(t)
	raw := c.p.build()
	at := bytes.LastIndex(raw, make([]byte, 0x3000))
	if at < 0 {
		t.Fatal("no room for functions")
	}
	function, site = uint64(code+at+0x20), calls.Site{Address: uint64(code + at), Function: uint64(code + at), Target: uint64(code + at + 0x20)}
	copy(raw[at:], []byte{0xe8, 0x1b, 0, 0, 0})
	c.root.write(t, "/usr/sbin/server", raw)
	table := c.root.table(t, c.p, c.opts)
	if r := table.Calls(function)[function]; r.Err == nil {
		t.Fatalf("found %v without the bounds of functions", r.Sites)
	}
	if raw, err := os.ReadFile(c.file); err != nil || bytes.Contains(raw, []byte("calls")) {
		t.Fatalf("what is not certain is kept: %s, %v", raw, err)
	}
	// As if it were certain.
	table.calls[function] = &calls.Result{Sites: []calls.Site{site}}
	table.cache.save(table)
	return c, function, site
}

func TestASecondStartKnowsTheCalls(t *testing.T) {
	c, function, site := newCalled(t)
	r := c.root.table(t, c.p, c.opts).Calls(function, function)[function]
	if diff := cmp.Diff([]calls.Site{site}, r.Sites); diff != "" || r.Err != nil {
		t.Errorf("%v\n%s", r.Err, diff)
	}
}

func TestACallThatIsNotThereIsNotTakenFromTheCache(t *testing.T) {
	for name, forge := range map[string]func(*calls.Site){
		"in an instruction": func(s *calls.Site) { s.Address++ },
		"of another target": func(s *calls.Site) { s.Target++ },
		"outside":           func(s *calls.Site) { s.Address = data },
	} {
		t.Run(name, func(t *testing.T) {
			c, function, site := newCalled(t)
			forge(&site)
			table := c.root.table(t, c.p, c.opts)
			table.Calls(function)
			table.calls[function] = &calls.Result{Sites: []calls.Site{site}}
			table.cache.save(table)
			if r := c.root.table(t, c.p, c.opts).Calls(function)[function]; r.Err == nil {
				t.Errorf("took %v", r.Sites)
			}
		})
	}
}

func TestWithoutACacheCallsAreSearchedForOnce(t *testing.T) {
	table := many(10).open(t)
	const function = code + 0x1000
	first := table.Calls(function)[function]
	if first.Err == nil || table.Calls(function)[function] != first {
		t.Errorf("%v was not kept", first.Err)
	}
}

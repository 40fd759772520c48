// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spanbridge/spanbridge/probes/catalog"
)

const reportProfile = `
profile: shop
tested: ["2.4.1"]
match: {executables: [shopd]}
dialect: mysql
operations:
  query:
    attributes: {user.name: user, shop.color: color}
    tiers:
      - tier: native
        needs: a shop with probes
        start: {probe: "usdt:exe:shop:start"}
        done: {probe: "usdt:exe:shop:done"}
      - tier: uprobe
        lacks: [rows]
        start:
          probe: uprobe:exe:begin
          capture:
            user: {arg: 0, type: string}
            color: {arg: 1, type: u32}
            text: {arg: 2, type: sql}
        done: {probe: "uretprobe:exe:begin"}
  sale:
    tiers:
      - tier: native
        needs: a shop with probes
        start: {probe: "usdt:exe:shop:sale__start"}
        done: {probe: "usdt:exe:shop:sale__done"}
  aisle:
    detail: stages
    tiers:
      - tier: native
        start: {probe: "usdt:exe:shop:aisle__start"}
        done: {probe: "usdt:exe:shop:aisle__done"}
`

// shopTarget is a process whose sites were found elsewhere.
func shopTarget(t *testing.T) (*scout, *observed) {
	t.Helper()
	profile, err := catalog.Parse("shop.yaml", []byte(reportProfile))
	if err != nil {
		t.Fatal(err)
	}
	query, sale := profile.Operations.Find("query"), profile.Operations.Find("sale")
	exe := &binary{path: "/bin/shopd"}
	o := &observed{process: &process{pid: 7, exePath: "/bin/shopd"}, profile: profile, version: "2.4.9-shop", plans: []*plan{
		{
			operation: query, tier: query.Tiers[1],
			misses:  []Miss{missOf(query.Tiers[0], errTest("no probe shop:start"))},
			missing: map[string]string{"user": "begin_user is not exported", "text": "begin_user is not exported"},
			sites: []site{
				{probe: "uprobe:exe:begin", file: exe, offset: 0x10, cost: CostEmulated},
				{probe: "uretprobe:exe:begin", file: exe, offset: 0x10, cost: CostReturn},
			},
		},
		{operation: sale, misses: []Miss{missOf(sale.Tiers[0], errTest("no probe shop:sale__start"))}},
	}}
	return &scout{cfg: Config{Detail: catalog.DetailPhases}, seen: map[int]*observed{7: o}}, o
}

type errTest string

func (e errTest) Error() string { return string(e) }

func TestReportNamesWhatServesWhatItCostsAndWhatIsMissing(t *testing.T) {
	s, _ := shopTarget(t)
	miss := Miss{Tier: "native", Reason: "no probe shop:start", Mend: "a shop with probes"}
	saleMiss := Miss{Tier: "native", Reason: "no probe shop:sale__start", Mend: "a shop with probes"}
	const gone = "begin_user is not exported"
	want := Report{Targets: []TargetReport{{
		PID: 7, Executable: "/bin/shopd", Profile: "shop", Version: "2.4.9-shop", Standing: StandingTested, Tested: []string{"2.4.1"},
		Operations: []OperationReport{{
			Name: "query", Tier: "uprobe", CostNs: hitNs[CostEmulated] + hitNs[CostReturn], Lacks: []string{"rows"},
			Sites: []OperationSite{
				{"uprobe:exe:begin", "/bin/shopd", 0x10, CostEmulated}, {"uretprobe:exe:begin", "/bin/shopd", 0x10, CostReturn},
			},
			Missing: []MissingCapture{
				{"user", []string{"user.name"}, gone}, {"text", []string{"db.query.text", "db.query.summary"}, gone},
			},
			Misses: []Miss{miss}, Passed: []string{},
		}},
		Unseen:  []UnseenReport{{Name: "sale", Misses: []Miss{saleMiss}}},
		LeftOut: []string{"aisle"},
		Hints:   []Hint{{Operations: []string{"query", "sale"}, Tier: "native", Mend: "a shop with probes"}},
	}}, Hosts: []HostReport{}}
	if diff := cmp.Diff(want, s.report(), cmp.AllowUnexported(Miss{})); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
}

func TestRunTellsInALineEachHowATargetIsSeenAndWhatIsMissing(t *testing.T) {
	s, o := shopTarget(t)
	report := func() string {
		r := s.targetReport(o)
		return strings.Join(r.lines(), "\n")
	}
	want := `process 7 (shopd 2.4.9, tested): query by uprobe
process 7: no user, text in query: begin_user is not exported
process 7: not seen: sale; why: spanbridge doctor --target 7`
	if diff := cmp.Diff(want, report()); diff != "" {
		t.Errorf("the lines differ (-want +got):\n%s", diff)
	}
	o.version, o.plans = "3.0.0", o.plans[1:]
	want = "process 7 (shopd 3.0.0, unproven): nothing to observe: sale: native: no probe shop:sale__start"
	if got := report(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	o.version, o.profile.Tested = "", nil
	want = "process 7 (shopd): nothing to observe: sale: native: no probe shop:sale__start"
	if got := report(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestListsOfAReportAreNeverNull(t *testing.T) {
	s, o := shopTarget(t)
	o.profile.Tested = nil
	o.plans[0].tier, o.plans[0].misses, o.plans[0].missing = &catalog.Tier{Name: "bare"}, nil, nil
	text, err := json.Marshal(s.report())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "null") {
		t.Errorf("null in %s", text)
	}
}

func TestAHintOfASwitchIsGivenThoughTheTierBelowLacksNothing(t *testing.T) {
	s, o := shopTarget(t)
	query := o.plans[0]
	bare := *query.tier
	bare.Lacks = nil
	query.tier = &bare
	if got := s.targetReport(o).Hints; len(got) != 1 || cmp.Diff([]string{"sale"}, got[0].Operations) != "" {
		t.Errorf("a tier that lacks nothing needs no better one: %+v", got)
	}
	query.misses = []Miss{missOf(o.profile.Operations[0].Tiers[0], &unmetError{&catalog.Requirement{Variable: "on", Mend: "turn it on"}})}
	want := Hint{Operations: []string{"query"}, Tier: "native", Mend: "turn it on"}
	if got := s.targetReport(o).Hints; len(got) != 2 || cmp.Diff(want, got[0]) != "" {
		t.Errorf("got %+v, want first %+v", got, want)
	}
}

func TestCostIsThatOfTheDearestSiteOfEveryProbe(t *testing.T) {
	sites := []site{
		{probe: "usdt:exe:a:start", cost: CostEmulated}, {probe: "usdt:exe:a:start", cost: CostStepped},
		{probe: "usdt:exe:a:done", cost: CostEmulated},
	}
	if got, want := costOf(sites), hitNs[CostStepped]+hitNs[CostEmulated]; got != want {
		t.Errorf("got %d ns, want %d", got, want)
	}
	if got := costOf(append(sites, site{cost: CostUnknown})); got != 0 {
		t.Errorf("with a site that was not examined it is %d ns, want unknown", got)
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"debug/elf"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/usdt"
)

var ignoreLayout = cmpopts.IgnoreUnexported(bpf.ProgramsArg{})

func TestUSDTArguments(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       bpf.ProgramsArg
		fails      bool
	}{
		{"register", "8@%rax", bpf.ProgramsArg{Kind: argReg, Size: 8, Base: 0, Index: noRegister}, false},
		{"signed memory", "-4@-12(%rbp)", bpf.ProgramsArg{Kind: argMem, Size: 4, IsSigned: 1, Base: 6, Index: noRegister, Disp: -12}, false},
		{"constant", "-4@$-1", bpf.ProgramsArg{Kind: argConst, Size: 4, IsSigned: 1, Index: noRegister, Disp: -1}, false},
		{"indexed", "8@16(%rax,%rcx,4)", bpf.ProgramsArg{Kind: argIndexed, Size: 8, Base: 0, Index: 2, Shift: 2, Disp: 16}, false},
		{"indexed without a base", "8@16(,%rcx,8)", bpf.ProgramsArg{Kind: argIndexed, Size: 8, Base: noRegister, Index: 2, Shift: 3, Disp: 16}, false},
		{"high byte", "1@%ah", bpf.ProgramsArg{Kind: argReg, Size: 1, Base: 0, Right: 8, Index: noRegister}, false},
		{"vector register", "8f@%xmm0", bpf.ProgramsArg{}, true},
		{"number too far", "8@%rax", bpf.ProgramsArg{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			args, err := usdt.ParseArgs(elf.EM_X86_64, test.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if test.name == "number too far" {
				n = 1
			}
			got, err := usdtArgs(&usdt.Site{Args: args})(n)
			if (err != nil) != test.fails {
				t.Fatalf("got error %v", err)
			}
			if !test.fails && !cmp.Equal(test.want, got, ignoreLayout) {
				t.Error(cmp.Diff(test.want, got, ignoreLayout))
			}
		})
	}
}

func TestFunctionArgumentsFollowTheCallingConvention(t *testing.T) {
	at := functionArgs(elf.EM_X86_64, true)
	for n, register := range []uint8{5, 4, 1, 2, 8, 9} {
		if got, err := at(n); err != nil || got.Kind != argReg || got.Base != register {
			t.Errorf("argument %d: got %+v, %v", n, got, err)
		}
	}
	if got, _ := at(6); got.Kind != argMem || got.Base != uint8(usdt.RSP) || got.Disp != 8 {
		t.Errorf("argument 6: got %+v", got)
	}
	if _, err := functionArgs(elf.EM_AARCH64, true)(8); err == nil {
		t.Error("an argument on the stack of arm64 was accepted")
	}
}

const shopProfile = `
profile: shop
match: {executables: [shopd]}
system: mariadb
dialect: mysql
operations:
  query:
    attributes:
      db.namespace: namespace
      spanbridge.connection.id: connection
      shop.kind: {value: test}
    tiers:
      - tier: uprobe
        start:
          probe: uprobe:exe:begin
          when: {arg: 0, type: u32, in: [3, 23]}
          capture:
            text: {arg: 2, type: sql, length: {arg: 3, type: u32}, when: [3]}
            connection: {arg: 1, type: u32, offsets: [16, 8]}
            namespace: {arg: 4, type: string, offsets: [24]}
        done:
          probe: uprobe:exe:end
          capture: {error: {arg: 0, type: i32}}
`

func TestSpecOfASite(t *testing.T) {
	profile, err := catalog.Parse("shop.yaml", []byte(shopProfile))
	if err != nil {
		t.Fatal(err)
	}
	op := profile.Operations.Find("query")
	tier := op.Tiers[0]
	spec, err := siteSpec(tier.Start[0], &place{
		roles: &op.Roles, slots: tier.Slots(), arg: functionArgs(elf.EM_X86_64, true), missing: map[string]string{}, had: map[string]bool{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if spec.Captures != 3 || spec.Early != 1 || spec.When != 1<<3|1<<23 || spec.Guard.Size != 4 || spec.Guard.Base != 5 {
		t.Errorf("got %+v", spec)
	}
	namespace, connection, text := spec.Capture[0], spec.Capture[1], spec.Capture[2]
	if connection.Type != captureInt || connection.Arg.Loads != 2 || connection.Arg.Offsets != [4]int32{16, 8} || connection.Arg.Size != 4 {
		t.Errorf("connection: %+v", connection)
	}
	if namespace.Type != captureString || namespace.Role != roleNamespace || namespace.Arg.Size != 8 || namespace.Max != 64 {
		t.Errorf("namespace: %+v", namespace)
	}
	if text.Type != captureText || text.When != 1<<3 || text.Length.Size != 4 || text.Length.Base != 2 {
		t.Errorf("the text must come last: %+v", text)
	}
}

func TestFieldsOfAnOperation(t *testing.T) {
	profile, err := catalog.Parse("shop.yaml", []byte(shopProfile))
	if err != nil {
		t.Fatal(err)
	}
	op := bridgeOperation(profile, &plan{
		operation: profile.Operations.Find("query"), tier: profile.Operations.Find("query").Tiers[0],
	})
	want := []bridge.Field{
		{Name: "namespace", Attr: "db.namespace", Type: bridge.FieldString, Slot: 0, Role: bridge.RoleNamespace},
		{Name: "connection", Attr: "spanbridge.connection.id", Type: bridge.FieldUint, Slot: 0, Role: bridge.RoleConnection},
		{Name: "error", Type: bridge.FieldInt, Slot: 1, Role: bridge.RoleErrorNumber},
	}
	if diff := cmp.Diff(want, op.Fields); diff != "" {
		t.Errorf("fields differ (-want +got):\n%s", diff)
	}
	if !op.HasText || len(op.Attrs) != 1 || op.Attrs[0].Str() != "test" {
		t.Errorf("got %+v", op)
	}
}

func TestInlineOperationsHaveAClassEach(t *testing.T) {
	mariadb, err := catalog.Load("mariadb")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[uint8]string)
	for _, op := range mariadb.Operations {
		if !op.Inline() {
			continue
		}
		class := classOf(mariadb, op)
		if other, taken := seen[class]; taken || class >= bridge.MaxClasses {
			t.Errorf("%s has class %d, as has %q", op.Name, class, other)
		}
		seen[class] = op.Name
	}
	if len(seen) < 2 {
		t.Errorf("only %v", seen)
	}
}

func TestSampleThreshold(t *testing.T) {
	for ratio, want := range map[float64]uint32{1: 1<<32 - 1, 0.5: 1 << 31, 0.25: 1 << 30} {
		if got := sampleThreshold(ratio); got != want {
			t.Errorf("%v: got %d, want %d", ratio, got, want)
		}
	}
}

func TestFiveByteNopsAreRefusedWhereTheyHarm(t *testing.T) {
	const old, current = 6<<16 | 12<<8, kernel618
	if _, err := checkInstruction(current, usdt.Nop5); err == nil {
		t.Error("accepted on Linux 6.18")
	}
	if cost, err := checkInstruction(old, usdt.Nop5); err != nil || cost != CostStepped {
		t.Errorf("on Linux 6.12: %v, %v", cost, err)
	}
	if cost, err := checkInstruction(current, usdt.Nop1); err != nil || cost != CostEmulated {
		t.Errorf("one-byte nop: %v, %v", cost, err)
	}
	if _, err := checkInstruction(current, usdt.Nop10); err == nil {
		t.Error("a ten-byte nop was accepted")
	}
}

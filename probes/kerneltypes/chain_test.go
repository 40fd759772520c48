// SPDX-License-Identifier: Apache-2.0

package kerneltypes

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
)

var (
	i32  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	u64  = &btf.Int{Name: "unsigned long", Size: 8}
	char = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
)

func member(name string, t btf.Type, offset uint32) btf.Member {
	return btf.Member{Name: name, Type: t, Offset: btf.Bits(8 * offset)}
}

// exampleTypes are those of a small kernel: request -> queue -> disk.
func exampleTypes(t *testing.T) *Types {
	t.Helper()
	disk := &btf.Struct{Name: "gendisk", Size: 64, Members: []btf.Member{
		member("major", i32, 0), member("disk_name", &btf.Array{Index: i32, Type: char, Nelems: 32}, 12),
	}}
	queue := &btf.Struct{Name: "request_queue", Size: 32, Members: []btf.Member{
		member("disk", &btf.Const{Type: &btf.Pointer{Target: disk}}, 24),
	}}
	inner := &btf.Union{Size: 8, Members: []btf.Member{
		member("sector", u64, 0), member("", &btf.Struct{Size: 8, Members: []btf.Member{member("low", i32, 0), member("high", i32, 4)}}, 0),
	}}
	request := &btf.Struct{Name: "request", Size: 64, Members: []btf.Member{
		member("q", &btf.Pointer{Target: queue}, 0), member("len", &btf.Typedef{Name: "len_t", Type: i32}, 8), member("", inner, 16),
		member("hidden", &btf.Pointer{Target: &btf.Fwd{Name: "secret"}}, 24),
		{Name: "bit", Type: i32, Offset: 8 * 32, BitfieldSize: 1},
		member("name", &btf.Pointer{Target: char}, 40), member("tags", &btf.Array{Index: i32, Type: i32, Nelems: 4}, 48),
	}}
	pair := &btf.Struct{Name: "pair", Size: 16, Members: []btf.Member{member("a", u64, 0), member("b", u64, 8)}}
	pointer := &btf.Pointer{Target: request}
	proto := &btf.FuncProto{Return: i32, Params: []btf.FuncParam{{Name: "rq", Type: pointer}, {Name: "by", Type: pair}, {Name: "error", Type: i32}}}
	raw := &btf.FuncProto{Return: &btf.Void{}, Params: []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}, {Type: pointer}}}
	named := &btf.FuncProto{Return: &btf.Void{}, Params: []btf.FuncParam{{Name: "__data", Type: &btf.Pointer{Target: &btf.Void{}}}, {Name: "rq", Type: pointer}}}
	task := &btf.Struct{Name: "task_struct", Size: 64, Members: []btf.Member{member("comm", &btf.Array{Index: i32, Type: char, Nelems: 16}, 8)}}
	b, err := btf.NewBuilder([]btf.Type{
		&btf.Func{Name: "complete", Type: proto, Linkage: btf.GlobalFunc}, task,
		&btf.Typedef{Name: "btf_trace_issue", Type: &btf.Pointer{Target: raw}},
		&btf.Func{Name: "__bpf_trace_issue", Type: named, Linkage: btf.GlobalFunc},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return New(spec)
}

func TestChainsLeadToFields(t *testing.T) {
	f, err := exampleTypes(t).Function("complete")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Chain{
		"rq":                    {Size: 8},
		"error":                 {Size: 4, Signed: true},
		"rq.len":                {Loads: []int{8}, Size: 4, Signed: true},
		"rq.sector":             {Loads: []int{16}, Size: 8},
		"rq.high":               {Loads: []int{20}, Size: 4, Signed: true},
		"rq.q":                  {Loads: []int{0}, Size: 8},
		"rq.q.disk.major":       {Loads: []int{0, 24, 0}, Size: 4, Signed: true},
		"rq.q.disk.disk_name":   {Loads: []int{0, 24}, Add: 12, Text: true, Bytes: 32},
		"rq.name":               {Loads: []int{40}, Size: 8, Text: true},
		"rq.tags":               {Add: 48, Bytes: 16},
		"rq.tags.2":             {Loads: []int{56}, Size: 4, Signed: true},
		"rq.q.disk.disk_name.1": {Loads: []int{0, 24, 13}, Size: 1, Signed: true},
	} {
		_, got, err := f.Chain(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if n, _, err := f.Chain("error"); n != 2 || err != nil {
		t.Errorf("error is argument %d: %v", n, err)
	}
	if result, err := f.Result(); err != nil || result.Size != 4 || !result.Signed {
		t.Errorf("the result is %+v: %v", result, err)
	}
}

func TestChainsThatLeadNowhereSayWhy(t *testing.T) {
	types := exampleTypes(t)
	f, err := types.Function("complete")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"nothing":     "complete has no argument nothing, it has rq, by, error",
		"rq.lenn":     "struct request has no member lenn",
		"rq.len.x":    "nothing behind a number",
		"error.x":     "nothing behind a number",
		"rq.hidden.x": "the kernel does not tell what a struct secret is",
		"rq.bit":      "bit of struct request is a bit field",
		"rq.tags.4":   `"4" is no element of an array of 4`,
		"rq.tags.x":   `"x" is no element of an array of 4`,
		"by":          "passed by value",
	} {
		if _, chain, err := f.Chain(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v, want %q", path, chain, err, want)
		}
	}
	if _, err := types.Function("nothing"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a function that is not there: %v", err)
	}
	if _, err := types.RawTracepoint("nothing"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a raw tracepoint that is not there: %v", err)
	}
}

func TestRawTracepointsHaveTheArgumentsThatTheKernelPassesOn(t *testing.T) {
	types := exampleTypes(t)
	f, err := types.RawTracepoint("issue")
	if err != nil {
		t.Fatal(err)
	}
	if n, chain, err := f.Chain("rq.len"); err != nil || n != 0 || chain.Size != 4 {
		t.Errorf("argument %d, %+v: %v", n, chain, err)
	}
	if diff := cmp.Diff([]string{"issue"}, types.RawTracepoints()); diff != "" {
		t.Errorf("raw tracepoints (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"__bpf_trace_issue", "complete"}, types.Functions()); diff != "" {
		t.Errorf("functions (-want +got):\n%s", diff)
	}
	if chain, err := types.Behind("task_struct", "comm"); err != nil || chain.Add != 8 || !chain.Text {
		t.Errorf("a thread's name: %+v, %v", chain, err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/spanbridge/spanbridge/probes/catalog"
	"github.com/spanbridge/spanbridge/probes/kerneltypes"
)

// KernelReport is the probes in the kernel that an address stands for.
type KernelReport struct {
	// Refused is why the kernel runs no programs at probes of this kind, or empty.
	Refused string              `json:"refused,omitempty"`
	Probes  []KernelProbeReport `json:"probes"`
}

// KernelProbeReport is one probe in the kernel.
type KernelProbeReport struct {
	Probe string `json:"probe"`
	// Fields are the names with which the fields of a profile begin.
	Fields  []FieldReport `json:"fields"`
	Returns string        `json:"returns,omitempty"` // the type of the result, where it is known
	// Refused is why none is attached there, or empty.
	Refused string `json:"refused,omitempty"`
}

// FieldReport is a value that can be captured at a probe.
type FieldReport struct {
	Name string `json:"name"`
	Type string `json:"type"` // as in C
}

// ListKernel returns the probes in the kernel that an address stands for: one, or
// all that match a pattern.
func ListKernel(a catalog.Address) (*KernelReport, error) {
	var k kernel
	defer k.close()
	r := &KernelReport{Probes: []KernelProbeReport{}}
	if err := k.grants(a.Kind); err != nil && !errors.Is(err, ErrPrivilege) {
		r.Refused = err.Error()
	}
	addresses := []catalog.Address{a}
	if a.IsPattern() {
		var err error
		if addresses, err = k.everyMatch(a); err != nil {
			return nil, err
		}
	}
	for _, one := range addresses {
		p, err := k.point(one)
		if err != nil {
			if !a.IsPattern() {
				return nil, err
			}
			// A function of which the types do not tell.
			p = &kernelPoint{address: one}
		}
		r.Probes = append(r.Probes, p.report())
	}
	return r, nil
}

func (k *kernelPoint) report() KernelProbeReport {
	r := KernelProbeReport{Probe: k.address.String(), Fields: []FieldReport{}, Refused: forbidden(k.address)}
	if k.event != nil {
		for _, f := range k.event.Fields {
			t := f.Type
			if f.Array > 0 {
				t = fmt.Sprintf("%s[%d]", t, f.Array)
			}
			r.Fields = append(r.Fields, FieldReport{f.Name, t})
		}
	}
	if k.function == nil {
		return r
	}
	if k.address.Kind != catalog.Kretprobe { // where the arguments are gone
		for _, arg := range k.function.Args {
			r.Fields = append(r.Fields, FieldReport{arg.Name, kerneltypes.TypeName(arg.Type)})
		}
	}
	if _, void := k.function.Returns.(*btf.Void); !void && (k.address.Kind == catalog.Kretprobe || k.address.Kind == catalog.Fexit) {
		r.Returns = kerneltypes.TypeName(k.function.Returns)
	}
	return r
}

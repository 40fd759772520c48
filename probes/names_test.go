// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"testing"

	"github.com/spanbridge/spanbridge/probes/symbols"
)

func TestTheSizeOfAStructureIsOneThatAVariableHas(t *testing.T) {
	variables := []symbols.Symbol{{Name: "stage_names", Size: 192}, {Name: "stage_init", Size: 24}, {Name: "stage_count", Size: 4}}
	for _, test := range []struct {
		name  string
		sizes []int
		want  uint64
	}{
		{"the newer version's", []int{24, 32}, 24},
		{"the older version's", []int{32, 24}, 24},
		{"none of these", []int{32, 40}, 0},
		{"none is known", nil, 0},
	} {
		if got := structureSize(test.sizes, variables); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	for _, test := range []struct{ variable, structure, want uint64 }{{24, 24, 1}, {192, 24, 8}, {4, 24, 1}, {192, 0, 1}} {
		if got := structures(test.variable, test.structure); got != test.want {
			t.Errorf("%d bytes of %d: %d structures, want %d", test.variable, test.structure, got, test.want)
		}
	}
}

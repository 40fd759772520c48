// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"time"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// familyOf returns the number that all tiers of an operation share: that of the
// first one, which is below bpf.MaxOperations.
func (s *Session) familyOf(profile *catalog.Profile, op *catalog.Operation, number uint16) uint8 {
	for _, other := range s.served {
		if other.profile == profile && other.operation == op {
			number = min(number, other.op)
		}
	}
	return uint8(number)
}

// minDuration is from which duration on an operation is told though it did not fail.
func (s *Session) minDuration(op *catalog.Operation) time.Duration {
	return max(s.cfg.MinDuration, time.Duration(op.MinDuration))
}

func (s *Session) opConfig(profile *catalog.Profile, op *catalog.Operation, tier *catalog.Tier) bpf.ProgramsOpConfig {
	c := bpf.ProgramsOpConfig{
		MinNs:  uint64(s.minDuration(op)),
		Sample: sampleThreshold(s.cfg.Sample),
	}
	if op.Inline() {
		// What a statement waited for is told whatever statements are left out.
		c.MinNs = uint64(op.MinDuration)
		c.IsInline = 1
		c.Class = classOf(profile, op)
		for value, name := range op.Waits {
			class, _ := bridge.ParseTimeClass(name)
			c.Told[value] = uint8(class) + 1
		}
		c.Detailed = bit(len(tier.Note) > 0)
	}
	c.Recursive, c.Follows = bit(op.Recurses(tier)), bit(tier.Follows)
	c.Sequence, c.Shields = bit(op.Sequence), bit(op.Shields)
	c.Joins = catalog.Mask(op.Joins)
	for i, capture := range tier.Slots().Values {
		for _, probe := range tier.Start {
			if probe.Captures.Find(capture.Name) != nil {
				c.Kept |= 1 << i
			}
		}
	}
	if op.Apart {
		apartConfig(&c, op, tier)
	}
	c.PrefixLength = uint8(len(op.Keep))
	for i := range op.Keep {
		c.Prefix[i] = int8(op.Keep[i])
	}
	return c
}

// apartConfig adds what holds for an operation apart.
func apartConfig(c *bpf.ProgramsOpConfig, op *catalog.Operation, tier *catalog.Tier) {
	slots := tier.Slots()
	c.Apart, c.Only = 1, uint8(slots.Value(op.Only)+1)
	for _, name := range op.By {
		if slot := slots.Value(name); slot >= 0 {
			c.ByValue[0] = uint8(slot + 1)
		}
	}
}

func bit(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

// classOf numbers the inline operations of a profile: what a record has no room
// for is summed by class.
func classOf(profile *catalog.Profile, op *catalog.Operation) (class uint8) {
	for _, other := range profile.Operations {
		if other == op {
			break
		}
		if other.Inline() {
			class = min(class+1, bridge.MaxClasses-1)
		}
	}
	return class
}

// sampleThreshold turns a ratio into the largest random number that is kept.
func sampleThreshold(ratio float64) uint32 {
	if ratio >= 1 {
		return 1<<32 - 1
	}
	return uint32(ratio * (1 << 32))
}

func bridgeOperation(profile *catalog.Profile, p *plan) *bridge.Operation {
	op := p.operation
	where := p.tier.Slots()
	fields, constants := operationFields(op, p.tier, where, p.missing)
	o := &bridge.Operation{
		Name: op.Name, System: profile.System, Profile: profile.Name, Tier: p.tier.Name,
		Kind: op.Kind.Span(), SpanName: op.Span, HasText: where.Text != nil && p.missing[where.Text.Name] == "",
		Dialect: profile.Dialect.SQL(),
		Fields:  fields, Attrs: constants, Metric: op.Metric, Counter: op.Counter,
		Apart: op.Apart, Inline: op.Inline(), Point: op.Point(), Sequence: op.Sequence,
		Names: op.Names, Executes: catalog.Mask(op.Executes), Prepares: catalog.Mask(op.Prepares),
		Resets: catalog.Mask(op.Resets),
	}
	copy(o.Phases[:], op.Phases)
	if name := op.SpanCapture(); name != "" {
		o.SpanName, o.NamedBy = "", o.Field(name)
	}
	for _, name := range op.By {
		if f := o.Field(name); f != nil {
			o.By = append(o.By, f)
		}
	}
	for _, sum := range op.Sum {
		o.Sums = append(o.Sums, bridge.Sum{Metric: sum.Counter, Unit: sum.Unit, Attrs: sum.Attributes.Attrs()})
	}
	return o
}

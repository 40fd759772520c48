// SPDX-License-Identifier: Apache-2.0

package suite

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

//go:embed expected.yaml
var expectedYAML []byte

// tier is a column of the table: a server and a way to see its statements.
type tier struct {
	Column  string // "mysql 9.7 uprobe"
	Server  string // the name of the function that starts it, see servers_test.go
	Title   string // for people
	Tier    string // as in the attribute spanbridge.tier
	Dialect string
	Flags   []string
	Needs   string // what a user has to do for it, "" for nothing
}

// cell says what a tier tells of a field. Exactly one of Yes and No holds.
type cell struct {
	Yes bool
	No  string // the reason
	// As are the names of the inner spans that tell it, all of them.
	As []string
	// Except are the statements for which it does not hold, by the name of their
	// case, with "#" and their number for one of several, and the reason.
	Except map[string]string
}

func (c *cell) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if node.Value != "yes" {
			return fmt.Errorf("line %d: a cell is yes, or a mapping: %q", node.Line, node.Value)
		}
		*c = cell{Yes: true}
		return nil
	}
	var m struct {
		No     string
		As     []string
		Except map[string]string
	}
	if err := node.Decode(&m); err != nil {
		return err
	}
	*c = cell{Yes: m.No == "", No: m.No, As: m.As, Except: m.Except}
	if m.No == "" && m.As == nil && m.Except == nil || m.No != "" && m.As != nil {
		return fmt.Errorf("line %d: a cell is yes, or a mapping with no, or as, and except", node.Line)
	}
	return nil
}

// field is a row of the table.
type field struct {
	Field string
	Where string // the attribute, for people
	In    map[string]*cell
}

type expectations struct {
	Tiers  []*tier
	Fields []*field
}

func loadExpectations(t *testing.T) *expectations {
	t.Helper()
	var e expectations
	decodeStrictly(t, expectedYAML, &e)
	return &e
}

func TestEveryCellOfTheTableIsFilledInAndEveryNoHasItsReason(t *testing.T) {
	e := loadExpectations(t)
	var columns []string
	for _, tier := range e.Tiers {
		columns = append(columns, tier.Column)
	}
	slices.Sort(columns)
	rows := make(map[string]bool)
	for _, f := range e.Fields {
		if rows[f.Field] {
			t.Errorf("two rows %q", f.Field)
		}
		rows[f.Field] = true
		if got := slices.Sorted(maps.Keys(f.In)); !slices.Equal(got, columns) {
			t.Errorf("%s: there are cells for %q, want %q", f.Field, got, columns)
		}
		for column, c := range f.In {
			if c.Yes == (c.No != "") {
				t.Errorf("%s, %s: neither yes nor a reason", f.Field, column)
			}
		}
	}
}

func TestExceptionsNameStatementsOfTheSuite(t *testing.T) {
	names := make(map[string]bool)
	s := loadSuite(t)
	for i := range s.Cases {
		names[s.Cases[i].Name] = true
	}
	for _, f := range loadExpectations(t).Fields {
		for column, c := range f.In {
			for name := range c.Except {
				if of, _, _ := strings.Cut(name, " #"); !names[of] {
					t.Errorf("%s, %s: there is no case %q", f.Field, column, of)
				}
			}
		}
	}
}

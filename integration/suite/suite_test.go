// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

//go:embed statements.yaml
var statementsYAML []byte

// The dialects of SQL, as statements.yaml names them.
const (
	mysqlDialect      = "mysql"
	mysql56Dialect    = "mysql 5.6"
	mariadbDialect    = "mariadb"
	postgresqlDialect = "postgresql"
)

// texts is one value for all dialects, under "", or one for each.
type texts map[string]string

func (t *texts) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*t = texts{"": node.Value}
		return nil
	}
	var m map[string]string
	if err := node.Decode(&m); err != nil {
		return err
	}
	*t = m
	return nil
}

// of returns a dialect's value, "" for none.
func (t texts) of(dialect string) string { return choose(t, dialect) }

// choose gives MariaDB and MySQL 5.6 what MySQL has where they have nothing of
// their own.
func choose[V any](m map[string]V, dialect string) V {
	if v, found := m[dialect]; found {
		return v
	}
	if v, found := m[mysqlDialect]; found && dialect != postgresqlDialect {
		return v
	}
	return m[""]
}

// wait is what a statement waits for.
type wait struct {
	For   string
	Least time.Duration
}

// step is one statement, or one packet of them, that a client sends. The keys
// are explained in statements.yaml.
type step struct {
	SQL        texts `yaml:"sql"`
	Parts      []string
	Send       string
	Client     string
	Args       [][]string
	Data       string
	Background bool
	Pause      time.Duration
	Fails      texts
	Inner      map[string][]string
	Waits      wait
	Uses       string
	Context    string
	Does       []string
}

// text is what is sent, "" for a dialect without that step.
func (s *step) text(dialect string) string {
	if len(s.Parts) > 0 {
		return strings.Join(s.Parts, "; ")
	}
	return s.SQL.of(dialect)
}

// statements are the parts of what is sent.
func (s *step) statements(dialect string) []string {
	if len(s.Parts) > 0 {
		return s.Parts
	}
	return []string{s.SQL.of(dialect)}
}

// testCase is a group of steps that belong together.
type testCase struct {
	Name  string
	Steps []step
	step  `yaml:",inline"`
}

// of returns the steps of a dialect.
func (c *testCase) of(dialect string) []*step {
	all := c.Steps
	if len(all) == 0 {
		all = []step{c.step}
	}
	var list []*step
	for i := range all {
		if all[i].text(dialect) != "" {
			list = append(list, &all[i])
		}
	}
	return list
}

type suite struct {
	Observe map[string]struct{ Running, Waiting string }
	Setup   map[string][]string
	Cases   []testCase
}

func loadSuite(t *testing.T) *suite {
	t.Helper()
	var s suite
	decodeStrictly(t, statementsYAML, &s)
	return &s
}

func decodeStrictly(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestEveryServerRunsAtLeast60StatementsAndTenKindsOfErrors(t *testing.T) {
	s := loadSuite(t)
	for _, dialect := range []string{mysqlDialect, mysql56Dialect, mariadbDialect, postgresqlDialect} {
		statements, failures := s.size(dialect)
		if statements < 60 || failures < 10 {
			t.Errorf("%s: %d different statements, %d kinds of errors", dialect, statements, failures)
		}
	}
}

func TestNamesAndWordsOfTheSuiteAreKnown(t *testing.T) {
	names := make(map[string]bool)
	s := loadSuite(t)
	for i := range s.Cases {
		c := &s.Cases[i]
		if c.Name == "" || names[c.Name] {
			t.Errorf("case %d has no name of its own: %q", i, c.Name)
		}
		names[c.Name] = true
		for _, step := range append(c.Steps, c.step) {
			if fault := step.fault(); fault != "" {
				t.Errorf("%s: %s", c.Name, fault)
			}
		}
	}
}

// fault says which word of a step means nothing.
func (s *step) fault() string {
	for _, word := range []struct {
		value string
		known []string
	}{
		{s.Send, []string{"", "text", "prepared", "unnamed", "attribute", "data"}},
		{s.Client, []string{"", "a", "b", "q"}},
		{s.Context, []string{"", "comment", "attribute", "variable"}},
		{s.Waits.For, []string{"", "row lock", "table", "named lock", "sleep"}},
	} {
		if !slices.Contains(word.known, word.value) {
			return fmt.Sprintf("%q means nothing", word.value)
		}
	}
	for _, does := range s.Does {
		if does != "sorts" && does != "commits" {
			return fmt.Sprintf("%q means nothing", does)
		}
	}
	return ""
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"slices"
	"strings"
)

// Column is what one kernel grants: a cell for each row, by the row's name.
type Column map[string]string

// rows are the tests that are rows of the table of their own, with the row's name.
// Those below TestKinds and TestKindsInTheKernel are rows by the kind's name.
var rows = []struct{ test, name string }{
	{"TestKernelLoadsThePrograms", "all programs load"},
	{"TestKinds/", ""},
	{"TestKindsInTheKernel/", ""},
	{"TestTiers/uprobe", "statements of MariaDB"},
}

// Column returns what the log shows, and the names of its rows in order.
func (l *Log) Column() (Column, []string) {
	column := make(Column)
	var order []string
	for _, row := range rows {
		for _, t := range l.Tests {
			name := row.name
			if kind, ok := strings.CutPrefix(t.Name, row.test); ok && name == "" {
				name = "`" + kind + "`"
			} else if t.Name != row.test {
				continue
			}
			column[name] = t.cell()
			order = append(order, name)
		}
	}
	return column, order
}

func (t *Test) cell() string {
	switch refused := t.Attrs["refused"]; {
	case t.Verdict != "PASS":
		return "fails"
	case refused != "":
		return "no: " + strings.ReplaceAll(refused, "|", `\|`)
	}
	return "yes"
}

// Render makes the table of columns by their titles.
func Render(columns map[string]Column, titles, order []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| kernel | %s |\n|---|%s\n", strings.Join(titles, " | "), strings.Repeat("---|", len(titles)))
	for _, row := range order {
		cells := []string{row}
		for _, title := range titles {
			cells = append(cells, columns[title][row])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// Parse reads what Render has made, by titles. A text that is no table has none.
func Parse(text string) map[string]Column {
	columns := make(map[string]Column)
	var titles []string
	for line := range strings.SplitSeq(text, "\n") {
		line, ok := strings.CutPrefix(line, "| ")
		if !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, " |"), " | ")
		if titles == nil {
			titles = slices.Clone(cells[1:])
			for _, title := range titles {
				columns[title] = make(Column)
			}
			continue
		}
		for i, cell := range cells[1:min(len(cells), len(titles)+1)] {
			columns[titles[i]][cells[0]] = cell
		}
	}
	return columns
}

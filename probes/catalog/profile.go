// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/bridge/sqltext"
)

// Profile describes one kind of server or program.
type Profile struct {
	// At is the place of the profile in its file.
	At Where `yaml:"-"`
	// Source is the text that the profile was read from.
	Source []byte `yaml:"-"`

	// Name of the profile, unique among the profiles in use.
	Name string `yaml:"profile" jsonschema:"required" form:"profile"`
	// Title for people, with the versions that the profile is meant for.
	Title string `yaml:"title" form:"line"`
	// Versions that tests have proven. Write them in quotes.
	Tested []string `yaml:"tested" form:"line"`
	// Which processes this profile serves. Without it the profile is about the host, and all its probes are in the kernel.
	Match Match `yaml:"match"`
	// Value of db.system.name; empty for a program that is no database.
	System string `yaml:"system" form:"system"`
	// SQL dialect of statement texts; needed when a capture has the type sql.
	Dialect Dialect `yaml:"dialect" jsonschema:"enum=mysql,enum=postgresql"`
	// Value of service.name; by default the system, else the profile's name.
	Service string `yaml:"service" form:"line"`
	// Symbol of the program that holds its version as text, for service.version.
	Version string `yaml:"version_symbol" form:"line"`
	// A constant text of the program that holds its version, where no symbol does.
	VersionText *VersionText `yaml:"version_text"`
	// Sessions are processes of their own, which the server forks: they are one target, by the process that was started first.
	Forks bool `yaml:"forks"`
	// Paths to values that the server keeps in structures of its own, by name.
	Paths Paths `yaml:"paths"`
	// The operations by name.
	Operations Operations `yaml:"operations" jsonschema:"required"`
}

// Serves reports whether the profile serves processes that run an executable
// of that base name.
func (p *Profile) Serves(executable string) bool {
	return slices.Contains(p.Match.Executables, executable)
}

// OfHost reports whether the profile is about the host as a whole, not about the
// processes of a program.
func (p *Profile) OfHost() bool { return !p.At.has("match") }

// VersionText is a constant text that a function of the program hands to another
// one, such as what SELECT version() returns, and which part of it is the version.
type VersionText struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// The function that calls another one.
	In string `yaml:"in" jsonschema:"required" form:"symbol"`
	// The function that is called.
	Call string `yaml:"call" jsonschema:"required" form:"symbol"`
	// Number of the argument of that call, from 0.
	Argument int `yaml:"argument" jsonschema:"required,minimum=0,maximum=5"`
	// What the text begins with, before the version.
	After string `yaml:"after" form:"line"`
	// What ends the version.
	Before string `yaml:"before" form:"line"`
}

// Match says which processes a profile serves.
type Match struct {
	// At is the place in the profile.
	At Where `yaml:"-"`

	// Base names of the executable, as /proc/PID/exe tells it.
	Executables []string `yaml:"executables" jsonschema:"required,minItems=1,maxItems=64" form:"executable"`
	// A function or variable that the executable must export.
	Exports string `yaml:"exports" form:"symbol"`
	// One that it must not export.
	Lacks string `yaml:"lacks" form:"symbol"`
}

// Dialect names the SQL dialect of statement texts.
type Dialect string

// The dialects.
const (
	DialectMySQL      Dialect = "mysql"
	DialectPostgreSQL Dialect = "postgresql"
)

// SQL returns the dialect as the sanitiser knows it. An empty dialect gives
// the one of MySQL; it has no texts to sanitise.
func (d Dialect) SQL() sqltext.Dialect {
	if d == DialectPostgreSQL {
		return sqltext.PostgreSQL
	}
	return sqltext.MySQL
}

// Kind names a span kind.
type Kind string

// The span kinds of a profile.
const (
	KindServer   Kind = "server"
	KindInternal Kind = "internal"
	KindClient   Kind = "client"
)

// Span returns the kind as spans carry it.
func (k Kind) Span() bridge.Kind {
	switch k {
	case KindServer:
		return bridge.KindServer
	case KindClient:
		return bridge.KindClient
	default:
		return bridge.KindInternal
	}
}

// Detail is how closely a server is watched.
type Detail string

// The levels of detail, from the coarsest to the finest. A level includes the
// levels before it.
const (
	DetailQuery  Detail = "query"
	DetailPhases Detail = "phases"
	DetailStages Detail = "stages"
)

// Details lists the levels from the coarsest to the finest.
func Details() []Detail { return []Detail{DetailQuery, DetailPhases, DetailStages} }

// Includes reports whether an operation of the level other is attached when d
// is asked for.
func (d Detail) Includes(other Detail) bool {
	return slices.Index(Details(), other) <= slices.Index(Details(), d)
}

// Functions lists the functions of the program that the profile names: at their
// entry or return are probes, or their code tells where a path leads.
func (p *Profile) Functions() []string {
	var names []string
	if p.VersionText != nil {
		names = append(names, p.VersionText.In, p.VersionText.Call)
	}
	for _, path := range p.Paths {
		for _, w := range path.Ways {
			for _, name := range []string{w.Getter, w.Predicate, w.Setter, w.Call, w.In, w.Element} {
				if name != "" {
					names = append(names, name)
				}
			}
		}
	}
	for _, op := range p.Operations {
		for _, tier := range op.Tiers {
			for _, probe := range tier.Probes() {
				if probe.Except != nil {
					names = append(names, probe.Except.In, probe.Except.Call)
				}
				for _, a := range probe.Addresses {
					if a.Kind == Uprobe || a.Kind == Uretprobe {
						names = append(names, a.Symbol)
					}
				}
			}
		}
	}
	return names
}

// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"context"
	"database/sql"
	"fmt"
)

// target is a kind of settings.
type target interface {
	// plan returns what has to be changed for a name, or a pattern of names, to have a value.
	plan(ctx context.Context, conn *sql.Conn, name, value string) ([]Change, error)
	// read returns the values of these settings, of those that the server has.
	read(ctx context.Context, conn *sql.Conn, of []Change) (map[string]string, error)
	// write gives settings that have one value another one.
	write(ctx context.Context, conn *sql.Conn, names []string, from, to string) error
	// verify says whether the server has made of its settings what was asked for.
	verify(changes []Change, now map[string]string) error
}

func targetOf(kind string) (target, error) {
	switch kind {
	case Variable:
		return variables{}, nil
	case Consumer:
		return table{kind: kind, name: "setup_consumers", column: "ENABLED"}, nil
	case Instrument:
		return table{kind: kind, name: "setup_instruments", column: "ENABLED"}, nil
	case Timing:
		return table{kind: kind, name: "setup_instruments", column: "TIMED"}, nil
	}
	return nil, fmt.Errorf("there is no kind of settings %q", kind)
}

// apply makes changes, and looks whether they have come about.
func apply(ctx context.Context, conn *sql.Conn, t target, changes []Change) error {
	for _, g := range groups(changes) {
		if err := t.write(ctx, conn, g.names, g.Was, g.Now); err != nil {
			return err
		}
	}
	now, err := t.read(ctx, conn, changes)
	if err != nil {
		return err
	}
	return t.verify(changes, now)
}

// group is changes in a row that are the same but for the name.
type group struct {
	Change
	names []string
}

func groups(changes []Change) (all []group) {
	for _, c := range changes {
		if n := len(all); n > 0 && all[n-1].Kind == c.Kind && all[n-1].Was == c.Was && all[n-1].Now == c.Now {
			all[n-1].names = append(all[n-1].names, c.Name)
		} else {
			all = append(all, group{c, []string{c.Name}})
		}
	}
	return all
}

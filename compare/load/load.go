// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Load is work for a server.
type Load interface {
	// Name is the specification that it was made of.
	Name() string
	// Run works for a time, or until its own end if that comes first. Statements that
	// fail are a part of the work, and are counted; it fails if work cannot be done at all. Time
	// that it takes to prepare is not counted.
	Run(ctx context.Context, d time.Duration) (Stats, error)
	// Close removes what the load has made in the server.
	Close() error
}

// Stats is what a load did.
type Stats struct {
	Statements uint64
	Errors     uint64 // of them: what the server refused
	Seconds    float64
	P50, P99   time.Duration // of what Unit says, by the client's clock; 0: not known
	Unit       string        // "statement" or "transaction"
}

// Parse makes a load of its specification:
//
//	mixed[:statements=N,connections=N,seed=N]
//	sysbench:NAME[:threads=N,tables=N,rows=N,prepared=0]
//	cmd:COMMAND
//
// dsn is how go-sql-driver is told of the server.
func Parse(spec, dsn string) (Load, error) {
	server, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("load %s: dsn: %w", spec, err)
	}
	kind, rest, _ := strings.Cut(spec, ":")
	var l Load
	switch kind {
	case "mixed":
		l, err = newMixed(spec, rest, server)
	case "sysbench":
		l, err = newSysbench(spec, rest, server)
	case "cmd":
		l, err = newCommand(spec, rest, server)
	default:
		err = fmt.Errorf("unknown load %q: want mixed, sysbench:NAME or cmd:COMMAND", spec)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/compare/errorlog"
	"github.com/spanbridge/spanbridge/compare/report"
)

// message is one of the server's error log, which may be about a statement.
type message struct {
	errorlog.Message
	statements int
}

func (c *comparison) messages(all []errorlog.Message) []message {
	var list []message
	for _, m := range all {
		list = append(list, message{Message: m})
	}
	return list
}

// result puts everything into a report.
func (c *comparison) result(j *judged) *report.Result {
	about := report.About{
		Tool: "spanbridge " + version, Started: c.began, Duration: c.ended.Sub(c.began), Load: c.config.Load,
		Server: report.Server{Product: c.server.Product, Version: c.server.Version, Endpoint: c.own.config.Addr},
		Host:   thisHost(), Details: make(map[string]string),
	}
	for _, a := range c.accounts {
		if a.err == nil {
			about.Details[a.name] = a.how + j.about(a.name)
		}
	}
	r := report.New(about, j.listings, j.pairs)
	for _, a := range c.accounts {
		if a.err != nil {
			r.AddUnavailable(a.name, a.err.Error())
		}
	}
	return r
}

// report prints and writes the result, and judges it by what was asked for.
func (c *comparison) report(j *judged, _ []message) error {
	r := c.result(j)
	var err error
	if c.config.JSON {
		err = r.JSON(os.Stdout)
	} else {
		err = printTable(r)
	}
	if dir := c.config.Report; dir != "" {
		err = errors.Join(err, writeReport(r, dir))
	}
	if err != nil {
		return err
	}
	return c.below(r)
}

// printTable prints how much each account has.
func printTable(r *report.Result) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, a := range r.Accounts {
		switch {
		case a.Error != "":
			fmt.Fprintf(w, "%s\t%s\n", a.Name, a.Error)
		case a.Coverage == nil:
			fmt.Fprintf(w, "%s\t%d statements\n", a.Name, a.Statements)
		default:
			fmt.Fprintf(w, "%s\t%d of %d, %.2f %%\n", a.Name, a.Coverage.Seen, a.Coverage.Expected, 100*a.Coverage.Share)
		}
	}
	return w.Flush()
}

func writeReport(r *report.Result, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "report.json"))
	if err != nil {
		return err
	}
	return errors.Join(r.JSON(file), file.Close())
}

// below is an error if an account has less of the statements than was asked for.
func (c *comparison) below(r *report.Result) error {
	var errs []error
	for _, a := range r.Accounts {
		if v := a.Coverage; v != nil && 100*v.Share < c.config.FailBelow {
			errs = append(errs, fmt.Errorf("%s has %.3f %% of the statements of %s, asked for were %v %%", a.Name, 100*v.Share, r.Reference, c.config.FailBelow))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &exitError{exitLoss, errors.Join(errs...)}
}

// thisHost is the machine.
func thisHost() report.Host {
	var name unix.Utsname
	_ = unix.Uname(&name) // cannot fail with a good address
	h := report.Host{Kernel: unix.ByteSliceToString(name.Release[:]), CPU: "unknown"}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(info), "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "processor":
			h.Cores++
		case "model name":
			h.CPU = cmp.Or(strings.TrimSpace(value), h.CPU)
		}
	}
	return h
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spanbridge/spanbridge/compare/errorlog"
	"github.com/spanbridge/spanbridge/compare/report"
)

// result puts everything into a report.
func (c *comparison) result(j *judged, messages []errorlog.Message) *report.Result {
	about := report.About{
		Tool: "spanbridge " + version, Started: c.began, Duration: c.ended.Sub(c.began), Load: c.config.Load,
		Server: report.Server{Product: c.server.Product, Version: c.server.Version, Endpoint: c.own.config.Addr},
		Host:   thisHost(), Details: make(map[string]string), LeftOut: j.left,
	}
	for _, a := range c.accounts {
		if a.err == nil {
			about.Details[a.name] = a.how
			if a.name == "probes" {
				about.Tier = tierOf(a.how)
			}
		}
	}
	r := report.New(about, j.listings, j.pairs)
	for _, a := range c.accounts {
		if a.err != nil {
			r.AddUnavailable(a.name, a.err.Error())
		}
	}
	for _, m := range told(messages, j.listings[0]) {
		r.AddMessage(m)
	}
	if c.costs != nil {
		r.AddCost(c.costs)
	}
	return r
}

// report prints and writes the result, and judges it by what was asked for.
func (c *comparison) report(j *judged, messages []errorlog.Message) error {
	r := c.result(j, messages)
	var err error
	if c.config.JSON {
		err = r.JSON(os.Stdout)
	} else {
		err = c.print(r)
	}
	if c.config.Report != "" {
		err = errors.Join(err, c.write(r))
	}
	if err != nil {
		return err
	}
	return c.below(r)
}

// print prints the result as a table.
func (c *comparison) print(r *report.Result) error {
	screen := terminal(os.Stdout)
	return r.Terminal(os.Stdout, screen.Width, screen.Color)
}

// canWrite makes the folder of the report.
func (c *comparison) canWrite() error {
	if c.config.Report == "" {
		return nil
	}
	if err := os.MkdirAll(c.config.Report, 0o755); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	if err := writable(c.config.Report); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// write writes the files of the report.
func (c *comparison) write(r *report.Result) error {
	page := filepath.Join(c.config.Report, "report.html")
	err := errors.Join(
		writeFile(page, func(f io.Writer) error { return r.HTML(f, c.config.Lang) }),
		writeFile(filepath.Join(c.config.Report, "report.json"), r.JSON))
	if err == nil {
		logf("the report is %s", page)
	}
	return err
}

// writeFile leaves no file of which a part is missing.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writable is an error if no file can be made in a folder: it is better told before a measurement than behind it.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".spanbridge-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// below is an error if an account has less of the statements than was asked for.
func (c *comparison) below(r *report.Result) error {
	var errs []error
	for _, a := range r.Accounts {
		switch v := a.Coverage; {
		case v == nil || 100*v.Share >= c.config.FailBelow:
		case v.Expected == 0:
			errs = append(errs, fmt.Errorf("%s: %s tells of no statement that it could have", a.Name, r.Reference))
		default:
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

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/spanbridge/spanbridge/bpf"
	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/probes"
	"github.com/spanbridge/spanbridge/probes/catalog"
)

// config is what a configuration file holds and what flags override.
type config struct {
	Targets       []string      `yaml:"targets"`
	Containers    []string      `yaml:"containers"`
	Profiles      []string      `yaml:"profiles"`
	Operations    []string      `yaml:"operations"`
	Counts        []string      `yaml:"counts"`
	Export        []string      `yaml:"export"`
	Tiers         []string      `yaml:"tiers"`
	Detail        string        `yaml:"detail"`
	MinDuration   time.Duration `yaml:"min_duration"`
	Sample        float64       `yaml:"sample"`
	Duration      time.Duration `yaml:"duration"`
	TrustContext  string        `yaml:"trust_context"`
	RawText       bool          `yaml:"raw_text"`
	Unsampled     bool          `yaml:"unsampled"`
	TextBytes     int           `yaml:"text_bytes"`
	RingBytes     int           `yaml:"ring_bytes"`
	MaxLost       int64         `yaml:"max_lost"`
	Attribution   bool          `yaml:"attribution"`
	WaitThreshold time.Duration `yaml:"wait_threshold"`
	OpenAfter     time.Duration `yaml:"open_after"`

	parsed *parsedProfiles // what Profiles came to
	ahead  *probes.Ahead   // the programs, being loaded
}

// parsedProfiles are the profiles of these names, read once.
type parsedProfiles struct {
	names []string // with ad-hoc operations and targets
	list  []*catalog.Profile
	err   error
}

func defaultConfig() config {
	return config{
		Export: []string{"otlp"}, Detail: string(catalog.DetailPhases), Sample: 1,
		TrustContext: "parent", TextBytes: 4096, RingBytes: 8 << 20, MaxLost: -1,
		Attribution: true, WaitThreshold: time.Millisecond,
	}
}

// flags binds the settings to flags of the same meaning.
func (c *config) flags(f *pflag.FlagSet) {
	c.lookFlags(f)
	f.StringArrayVarP(&c.Operations, "operation", "o", c.Operations, "a span for each `NAME=START..DONE`, of probes as bpftrace writes them (repeatable)")
	f.StringArrayVarP(&c.Counts, "count", "c", c.Counts, "count hits of `[NAME=]PROBE` (repeatable)")
	f.StringArrayVarP(&c.Export, "export", "e", c.Export, "send spans and metrics to this `OUTPUT`: otlp, console, file:PATH, prometheus:ADDR or none (repeatable)")
	f.DurationVar(&c.MinDuration, "min-duration", c.MinDuration, "no span for shorter operations, unless they fail; metrics count all")
	f.Float64Var(&c.Sample, "sample", c.Sample, "share of operations that give a span, from 0 (excluded) to 1; metrics count all")
	f.DurationVar(&c.Duration, "duration", c.Duration, "stop after this time (default: when interrupted)")
	f.StringVar(&c.TrustContext, "trust-context", c.TrustContext, "what an application's trace context in a statement becomes: parent, link or off")
	f.BoolVar(&c.RawText, "raw-text", c.RawText, "put statements into spans with their literals, which may be personal data")
	f.BoolVar(&c.Unsampled, "unsampled", c.Unsampled, "make spans also under traces that the application does not sample")
	f.IntVar(&c.TextBytes, "text-bytes", c.TextBytes, "bytes kept of a statement's start; its last 512 bytes are kept too; some kernels have no room for many more than 4096")
	f.IntVar(&c.RingBytes, "ring-bytes", c.RingBytes, "size of the buffer between kernel and spanbridge, a power of two")
	f.BoolVar(&c.Attribution, "attribution", c.Attribution, "tell where the time of an operation went: CPU, run queue, lock, disk, network and others")
	f.DurationVar(&c.WaitThreshold, "wait-threshold", c.WaitThreshold, "with attribution, a span of its own for waits from this length on")
	f.DurationVar(&c.OpenAfter, "open-after", c.OpenAfter, "tell of operations that run for longer than this, as log records, while they run (default: of none)")
	f.Lookup("open-after").DefValue = "0s" // not shown: the text says it
	f.Int64Var(&c.MaxLost, "max-lost", c.MaxLost, "exit with code 4 if more operations or spans than this were lost (default: no limit)")
	f.Lookup("max-lost").DefValue = "0" // not shown: the text says it
}

// lookFlags are the flags that say at what to look.
func (c *config) lookFlags(f *pflag.FlagSet) {
	f.StringArrayVarP(&c.Targets, "target", "t", c.Targets, "look only at this `NAME|PID|PATH` (repeatable; default: every server that a profile knows)")
	f.StringArrayVar(&c.Containers, "container", c.Containers, "look only at processes in the container whose `ID` begins so (repeatable)")
	f.StringArrayVarP(&c.Profiles, "profile", "p", c.Profiles, "use only this profile, `NAME|FILE` (repeatable; default: all built-in ones of servers)")
	f.StringArrayVar(&c.Tiers, "tier", c.Tiers, "use only the tier of this `NAME`, such as usdt or uprobe (repeatable; default: the best that serves)")
	f.StringVar(&c.Detail, "detail", c.Detail, "how closely to look: query, phases or stages")
}

// read lays a file over the settings that c has. It reports all faults.
func (c *config) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var faults []string
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		faults = yamlFaults(err)
	}
	if err := c.validate(); err != nil {
		faults = append(faults, strings.Split(err.Error(), "\n")...)
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(path + ": " + strings.Join(faults, "\n"+path+": "))
}

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongKind    = regexp.MustCompile("cannot construct !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

// kinds are those of settings and of what a file has, for people.
var kinds = map[string]string{
	"float64": "a number", "int": "a number", "int64": "a number", "bool": "true or false", "[]string": "a list",
	"time.Duration": "a time such as 10ms", "main.config": "lines of SETTING: VALUE", "seq": "a list", "map": "a mapping",
}

// yamlFaults puts what the YAML package found into words for people.
func yamlFaults(err error) (faults []string) {
	var all *yaml.LoadErrors
	if !errors.As(err, &all) {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	for _, fault := range all.Errors {
		message := unknownField.ReplaceAllString(fault.Message, `unknown setting "$1"`)
		if m := wrongKind.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("want %s, got %s", cmp.Or(kinds[m[3]], m[3]), cmp.Or(m[2], kinds[m[1]], m[1]))
		}
		faults = append(faults, fmt.Sprintf("line %d: %s", fault.Mark.Line, message))
	}
	return faults
}

// validate reports all faults, each with the name of its setting.
func (c *config) validate() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, t := range c.Targets {
		if _, err := probes.ParseTarget(t); err != nil {
			fault("targets[%d]: %v", i, err)
		}
	}
	for i, t := range c.Containers {
		if _, err := probes.ParseContainer(t); err != nil {
			fault("containers[%d]: %v", i, err)
		}
	}
	for i, e := range c.Export {
		if _, err := parseOutput(e); err != nil {
			fault("export[%d]: %v", i, err)
		}
	}
	if !isDetail(c.Detail) {
		fault("detail: unknown level %q: want one of %v", c.Detail, catalog.Details())
	}
	if c.MinDuration < 0 {
		fault("min_duration: %v is negative", c.MinDuration)
	}
	if c.WaitThreshold <= 0 {
		fault("wait_threshold: %v is not above 0", c.WaitThreshold)
	}
	if c.OpenAfter < 0 {
		fault("open_after: %v is negative", c.OpenAfter)
	}
	if c.Duration < 0 {
		fault("duration: %v is negative", c.Duration)
	}
	if c.Sample <= 0 || c.Sample > 1 {
		fault("sample: %v is not above 0 and at most 1", c.Sample)
	}
	if _, err := bridge.ParseTrust(c.TrustContext); err != nil {
		fault("trust_context: %v", err)
	}
	if c.TextBytes < bpf.MinTextHead || c.TextBytes > bpf.MaxTextHead {
		fault("text_bytes: %d is not within %d and %d", c.TextBytes, bpf.MinTextHead, bpf.MaxTextHead)
	}
	if n := c.RingBytes; n < os.Getpagesize() || n > 1<<30 || n&(n-1) != 0 {
		fault("ring_bytes: %d is not a power of two from %d to %d", n, os.Getpagesize(), 1<<30)
	}
	profiles, err := c.profiles()
	if err != nil {
		errs = append(errs, err)
	}
	for i, t := range c.Tiers {
		if err == nil && !anyTier(profiles, t) {
			fault("tiers[%d]: no profile in use has a tier %q", i, t)
		}
	}
	return errors.Join(errs...)
}

var settingOf = regexp.MustCompile(`^([a-z_]+)(?:\[\d+\])?: `)

// byFlags names faults by the flags that were given, where a file names its settings.
func byFlags(cmd *cobra.Command, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		found := settingOf.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		name := strings.ReplaceAll(found[1], "_", "-")
		for _, one := range []string{name, strings.TrimSuffix(name, "s")} { // a list of a file is a flag that is repeated
			if cmd.Flags().Changed(one) {
				lines[i] = "--" + one + ": " + line[len(found[0]):]
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

func anyTier(profiles []*catalog.Profile, name string) bool {
	for _, p := range profiles {
		for _, op := range p.Operations {
			if slices.ContainsFunc(op.Tiers, func(t *catalog.Tier) bool { return t.Name == name }) {
				return true
			}
		}
	}
	return false
}

func isDetail(s string) bool {
	for _, d := range catalog.Details() {
		if string(d) == s {
			return true
		}
	}
	return false
}

// profiles reads the profiles that the settings name, or all built-in ones.
func (c *config) profiles() ([]*catalog.Profile, error) {
	names := slices.Concat(c.Profiles, c.Operations, c.Counts, c.Targets)
	if c.parsed == nil || !slices.Equal(c.parsed.names, names) {
		list, err := c.parseProfiles()
		c.parsed = &parsedProfiles{names: names, list: list, err: err}
	}
	return c.parsed.list, c.parsed.err
}

func (c *config) parseProfiles() ([]*catalog.Profile, error) {
	adhoc, adhocErr := c.adhocProfiles()
	if len(c.Profiles) == 0 && len(c.Operations)+len(c.Counts) > 0 {
		return adhoc, adhocErr
	}
	if len(c.Profiles) == 0 {
		return catalog.Servers(), nil // those of the host are asked for by name
	}
	all, errs := adhoc, []error{adhocErr}
	for _, name := range c.Profiles {
		p, err := catalog.Load(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// probesConfig is for a validated configuration.
func (c *config) probesConfig() (probes.Config, error) {
	profiles, err := c.profiles()
	if err != nil {
		return probes.Config{}, err
	}
	cfg := probes.Config{
		Profiles: profiles, Tiers: c.Tiers, Detail: catalog.Detail(c.Detail), MinDuration: c.MinDuration, Sample: c.Sample,
		Programs: c.programs(), Logf: logf, Ahead: c.ahead, SymbolCache: symbolCache(),
	}
	for _, list := range []struct {
		texts []string
		parse func(string) (probes.Target, error)
	}{{c.Targets, probes.ParseTarget}, {c.Containers, probes.ParseContainer}} {
		for _, t := range list.texts {
			target, err := list.parse(t)
			if err != nil {
				return cfg, err
			}
			cfg.Targets = append(cfg.Targets, target)
		}
	}
	return cfg, nil
}

// programs are the settings with which the programs are loaded.
func (c *config) programs() probes.Programs {
	return probes.Programs{
		TextHead: c.TextBytes, RingBytes: c.RingBytes, Attribution: c.Attribution, WaitThreshold: c.WaitThreshold,
	}
}

// symbolCache is where results of searches for symbols are kept: the cache
// folder that systemd made (CacheDirectory= in systemd.exec(5), which may name
// several), else the user's own. "" if there is neither.
func symbolCache() string {
	dir, _, _ := strings.Cut(os.Getenv("CACHE_DIRECTORY"), ":")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(cache, "spanbridge")
	}
	return filepath.Join(dir, "symbols")
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// MaxBytes is the size of the largest profile.
const MaxBytes = 1 << 20

// Parse reads a profile. The name stands for it in messages, usually as the
// path of its file. The error, if any, is a [Faults] with everything that is
// wrong; there is no profile then.
func Parse(name string, data []byte) (*Profile, error) {
	root, fault := document(name, data)
	if fault != nil {
		return nil, Faults{fault}
	}
	p := &Profile{Source: slices.Clone(data)}
	d := &decoder{file: name}
	d.value(root, "", reflect.ValueOf(p).Elem(), rules{})
	if d.visits < maxVisits {
		p.setDefaults()
		v := validator{faults: d.faults, decoded: len(d.faults)}
		v.profile(p)
		d.faults = v.faults
	}
	if len(d.faults) > 0 {
		return nil, d.faults.sorted()
	}
	return p, nil
}

// document reads the one YAML document of a profile.
func document(name string, data []byte) (*yaml.Node, *Fault) {
	whole := func(format string, args ...any) (*yaml.Node, *Fault) {
		return nil, &Fault{File: name, Message: fmt.Sprintf(format, args...)}
	}
	if len(data) > MaxBytes {
		return whole("%d bytes are more than %d", len(data), MaxBytes)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return whole("read YAML: %s", err)
	}
	var root, second yaml.Node
	err = loader.Load(&root)
	if err == nil && len(root.Content) == 1 {
		switch err = loader.Load(&second); {
		case errors.Is(err, io.EOF):
			return root.Content[0], nil
		case err == nil:
			return nil, &Fault{File: name, Line: second.Line, Message: "a second document; a file holds one profile"}
		}
	}
	var detail *yaml.LoadError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return whole("empty profile")
	case errors.As(err, &detail):
		message := "read YAML: "
		if detail.ContextMsg != "" {
			message += detail.ContextMsg + ": "
		}
		return nil, &Fault{File: name, Line: detail.Mark.Line, Message: message + detail.Message}
	default:
		return whole("read YAML: %s", err)
	}
}

// setDefaults fills in what the profile leaves open.
func (p *Profile) setDefaults() {
	p.Service = cmp.Or(p.Service, p.System, p.Name)
	for _, op := range p.Operations {
		kind := KindServer
		if op.Inline() || op.inKernel() {
			kind = KindInternal
		}
		op.Kind = cmp.Or(op.Kind, kind)
		op.Span = cmp.Or(op.Span, op.Name)
		op.Detail = cmp.Or(op.Detail, DetailQuery)
		for _, tier := range op.Tiers {
			tier.Detail = cmp.Or(tier.Detail, op.Detail)
			for _, r := range tier.Requires {
				r.Type = cmp.Or(r.Type, TypeU8)
			}
			for _, probe := range tier.Probes() {
				probe.Detail = cmp.Or(probe.Detail, tier.Detail)
				probe.setDefaults()
			}
		}
		op.setRoles()
	}
}

func (p *Probe) setDefaults() {
	for _, c := range p.Captures {
		switch c.Type {
		case TypeString:
			c.Max = cmp.Or(c.Max, DefaultStringBytes)
		case TypeTraceparent:
			c.Max = TraceparentBytes
		case TypeAddress:
			c.Max = AddressBytes
		case TypeArguments:
			c.Max = cmp.Or(c.Max, MaxStringBytes)
		}
		if c.Length != nil {
			c.Length.Type = cmp.Or(c.Length.Type, TypeU64)
		}
	}
}

// Load returns the built-in profile of that name, or else the profile in the
// file of that path. A name without "/", ".yaml" or ".yml" is no path.
func Load(nameOrPath string) (*Profile, error) {
	if p := Find(nameOrPath); p != nil {
		return p, nil
	}
	if !strings.Contains(nameOrPath, "/") && !strings.HasSuffix(nameOrPath, ".yaml") && !strings.HasSuffix(nameOrPath, ".yml") {
		names := builtinNames()
		return nil, fmt.Errorf("load profile %q: no such built-in profile (%s) and no path of a .yaml file%s",
			clip(nameOrPath), strings.Join(names, ", "), didYouMean(nameOrPath, names))
	}
	data, err := readFile(nameOrPath)
	if err != nil {
		return nil, fmt.Errorf("load profile: %w", err)
	}
	return Parse(nameOrPath, data)
}

// readFile reads a regular file up to one byte more than the largest profile.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxBytes+1))
}

// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	check "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

//go:generate go test -run TestSchemaIsCurrent . -update

var update = flag.Bool("update", false, "write golden files and schema.json anew")

const schemaID = "https://github.com/spanbridge/spanbridge/blob/main/probes/catalog/schema.json"

func TestSchemaIsCurrent(t *testing.T) {
	want := generateSchema(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("schema.json is not what the structs say, run go generate (-structs +file):\n%s", diff)
	}
}

// generateSchema makes the JSON Schema of the structs from their comments and
// tags.
func generateSchema(t testing.TB) []byte {
	t.Helper()
	r := jsonschema.Reflector{
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		Anonymous:                  true,
		Mapper:                     shapes,
	}
	if err := r.AddGoComments("github.com/spanbridge/spanbridge/probes/catalog", "./"); err != nil {
		t.Fatal(err)
	}
	root := r.Reflect(&Profile{})
	root.ID = schemaID
	root.Title = "spanbridge profile"
	for _, part := range []any{&Operation{}, &Tier{}, &Probe{}, &Capture{}, &Attribute{}, &Way{}, &Sum{}} {
		for name, definition := range r.Reflect(part).Definitions {
			root.Definitions[name] = definition
		}
	}
	for _, part := range structs() {
		describeForms(root.Definitions[part.Name()], part)
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// structs lists the mappings with known keys.
func structs() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[Profile](), reflect.TypeFor[Match](), reflect.TypeFor[Operation](),
		reflect.TypeFor[Roles](), reflect.TypeFor[Tier](), reflect.TypeFor[Probe](),
		reflect.TypeFor[Condition](), reflect.TypeFor[Capture](), reflect.TypeFor[Length](),
		reflect.TypeFor[Attribute](), reflect.TypeFor[Way](), reflect.TypeFor[Requirement](),
		reflect.TypeFor[NameTable](), reflect.TypeFor[Sum](),
	}
}

// shapes are the types that YAML writes in other ways than their Go kind says.
func shapes(t reflect.Type) *jsonschema.Schema {
	ref := func(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }
	switch t {
	case reflect.TypeFor[Operations]():
		s := keyed("operation", ref("Operation"))
		s.MinProperties = number(1)
		return s
	case reflect.TypeFor[Captures]():
		return keyed("capture", ref("Capture"))
	case reflect.TypeFor[Paths]():
		return keyed("capture", orList(ref("Way")))
	case reflect.TypeFor[Args]():
		return keyed("capture", &jsonschema.Schema{Type: "integer", Minimum: "0", Maximum: json.Number(strconv.Itoa(MaxArg))})
	case reflect.TypeFor[Attributes]():
		return keyed("attribute", &jsonschema.Schema{OneOf: []*jsonschema.Schema{textOf("capture"), ref("Attribute")}})
	case reflect.TypeFor[Sums]():
		return keyed("capture", ref("Sum"))
	case reflect.TypeFor[Labels]():
		return keyed("attribute", textOf("line"))
	case reflect.TypeFor[Probes]():
		return orList(ref("Probe"))
	case reflect.TypeFor[Addresses]():
		return orList(textOf("address"))
	case reflect.TypeFor[Fields]():
		return orList(textOf("field"))
	case reflect.TypeFor[CaptureNames]():
		return orList(textOf("capture"))
	case reflect.TypeFor[Duration]():
		return textOf("duration")
	case reflect.TypeFor[Constant]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{textOf("line"), {Type: "integer"}, {Type: "boolean"}}}
	case reflect.TypeFor[map[uint64]string]():
		return keyed("number", textOf("line"))
	}
	return nil
}

func number(n uint64) *uint64 { return &n }

func textOf(form string) *jsonschema.Schema {
	return limit(&jsonschema.Schema{Type: "string"}, form)
}

// limit puts the pattern and the length of a form into a schema.
func limit(text *jsonschema.Schema, form string) *jsonschema.Schema {
	f := forms[form]
	text.Pattern = f.pattern.String()
	if f.most > 0 {
		text.MaxLength = number(uint64(f.most))
	}
	return text
}

func keyed(form string, value *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: limit(&jsonschema.Schema{}, form), AdditionalProperties: value}
}

func orList(one *jsonschema.Schema) *jsonschema.Schema {
	list := &jsonschema.Schema{Type: "array", Items: one, MinItems: number(1), MaxItems: number(maxAlternatives)}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{one, list}}
}

// describeForms puts the patterns of form tags into a definition.
func describeForms(definition *jsonschema.Schema, t reflect.Type) {
	for _, f := range fieldsOf(t) {
		property, ok := definition.Properties.Get(f.key)
		if !ok || f.rules.form == "" {
			continue
		}
		if property.Type == "array" {
			property = property.Items
		}
		if property.Type == "string" {
			limit(property, f.rules.form)
		}
	}
}

func TestEveryTagIsUnderstood(t *testing.T) {
	known := map[string]bool{"required": true, "enum": true, "minimum": true, "maximum": true, "minItems": true, "maxItems": true}
	for _, s := range structs() {
		for i := range s.NumField() {
			f := s.Field(i)
			if name := f.Tag.Get("form"); name != "" && forms[name].pattern == nil {
				t.Errorf("%s.%s: no form %q", s.Name(), f.Name, name)
			}
			if f.Tag.Get("jsonschema") == "" {
				continue
			}
			for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
				if name, _, _ := strings.Cut(part, "="); !known[name] {
					t.Errorf("%s.%s: the decoder does not know the tag %q", s.Name(), f.Name, part)
				}
			}
		}
	}
}

func TestLimitsInTagsAreTheConstants(t *testing.T) {
	bounds := func(s reflect.Type, key string) (int64, int) {
		for _, f := range fieldsOf(s) {
			if f.key == key {
				return f.rules.maximum, f.rules.maxItems
			}
		}
		t.Fatalf("%s has no key %s", s.Name(), key)
		return 0, 0
	}
	capture, condition, length := reflect.TypeFor[Capture](), reflect.TypeFor[Condition](), reflect.TypeFor[Length]()
	for _, tc := range []struct {
		structure reflect.Type
		key       string
		maximum   int64
		items     int
	}{
		{capture, "arg", MaxArg, 0}, {condition, "arg", MaxArg, 0}, {length, "arg", MaxArg, 0},
		{capture, "max", MaxStringBytes, 0},
		{capture, "offsets", MaxOffset, MaxOffsets},
		{capture, "when", MaxWhen, MaxWhen + 1}, {condition, "in", MaxCondition, MaxWhen + 1},
	} {
		maximum, items := bounds(tc.structure, tc.key)
		if maximum != tc.maximum || items != tc.items {
			t.Errorf("%s.%s: tags say at most %d (%d items), constants %d (%d)", tc.structure.Name(), tc.key, maximum, items, tc.maximum, tc.items)
		}
	}
}

// compileSchema makes a validator of the schema.
func compileSchema(t testing.TB) *check.Schema {
	t.Helper()
	text := Schema()
	if *update {
		text = generateSchema(t)
	}
	document, err := check.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := check.NewCompiler()
	c.DefaultDraft(check.Draft2020)
	if err := c.AddResource(schemaID, document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// schemaSays validates YAML as editors do: keys become texts.
func schemaSays(s *check.Schema, data []byte) error {
	var n yaml.Node
	if err := yaml.Load(data, &n); err != nil {
		return err
	}
	if n.Kind != yaml.DocumentNode {
		return s.Validate(nil)
	}
	budget := maxVisits
	value, err := jsonOf(n.Content[0], &budget)
	if err != nil {
		return err
	}
	return s.Validate(value)
}

func jsonOf(n *yaml.Node, budget *int) (any, error) {
	if *budget--; *budget < 0 {
		return nil, fmt.Errorf("more than %d values", maxVisits)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return jsonOf(n.Alias, budget)
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			value, err := jsonOf(n.Content[i+1], budget)
			if err != nil {
				return nil, err
			}
			key := n.Content[i]
			for key.Kind == yaml.AliasNode {
				key = key.Alias
			}
			m[key.Value] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = jsonOf(item, budget); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, err
		}
		return i, nil
	case "!!float":
		var f float64
		if err := n.Decode(&f); err != nil {
			return nil, err
		}
		return f, nil
	}
	return n.Value, nil
}

// wantGolden compares with a golden file, which -update writes anew.
func wantGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema is the JSON Schema (draft-07, which editors know) of a configuration file, made from Credential.
func Schema() []byte {
	variants := make([]any, len(Types))
	for i, credentialType := range Types {
		variants[i] = map[string]any{
			"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": credentialType}}},
			"then": typeSchema(credentialType),
		}
	}
	defaults := map[string]any{}
	for _, k := range Keys {
		if k.Default {
			defaults[k.Name] = k.schema()
		}
	}
	root := map[string]any{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                "awsauth configuration",
		"type":                 "object",
		"additionalProperties": false,
		"properties": map[string]any{
			"store": map[string]any{"type": "string", "description": DocumentKeys[0].Doc},
			"defaults": map[string]any{
				"type": "object", "description": DocumentKeys[1].Doc, "additionalProperties": false, "properties": defaults,
			},
			"agent": agentSchema(),
			"credentials": map[string]any{
				"type": "object", "description": DocumentKeys[2].Doc,
				"propertyNames": map[string]any{"pattern": nameForm.String(), "not": map[string]any{"enum": reserved}},
				"additionalProperties": map[string]any{
					"type": "object", "required": []string{"type"},
					"properties": map[string]any{"type": map[string]any{"enum": Types, "description": Keys[0].Doc}},
					"allOf":      variants,
				},
			},
		},
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return append(b, '\n')
}

// required are the keys that a type cannot do without, in the file or in defaults.
var required = map[string][]string{
	TypeSession:    {"role_arn"},
	TypeStatic:     {"access_key_id", "secret_access_key"},
	TypeAssumeRole: {"source", "role_arn"},
}

func typeSchema(credentialType string) map[string]any {
	properties := map[string]any{}
	for _, k := range Keys {
		if k.has(credentialType) {
			properties[k.Name] = k.schema()
		}
	}
	return map[string]any{
		"additionalProperties": false, "properties": properties, "required": append([]string{"type"}, required[credentialType]...),
	}
}

// schema is that of a key's value.
func (k Key) schema() map[string]any {
	s := map[string]any{"description": k.Doc}
	text := map[string]any{"type": []string{"string", "number"}}
	switch {
	case k.Name == "type":
		s["enum"] = Types
	case k.IsSecret():
		return referenceSchema(k.Doc)
	case k.kind == reflect.TypeFor[Policy]():
		s["type"] = []string{"object", "string"}
	case k.kind == reflect.TypeFor[time.Duration]():
		s["type"], s["pattern"] = "string", `^([0-9]+(\.[0-9]+)?(h|m|s))+$`
	case strings.HasSuffix(k.Name, "_arn"):
		s["type"], s["pattern"] = "string", "^arn:aws"
	case k.kind.Kind() == reflect.Bool:
		s["type"] = "boolean"
	case k.kind.Kind() == reflect.Slice:
		s["type"], s["items"] = "array", text
	case k.kind.Kind() == reflect.Map:
		s["type"], s["additionalProperties"] = "object", text
	default:
		s["type"] = text["type"]
	}
	return s
}

// referenceSchema is that of a reference to a secret.
func referenceSchema(doc string) map[string]any {
	return map[string]any{"description": doc, "oneOf": []any{
		map[string]any{"type": "string", "minLength": 1},
		map[string]any{
			"type": "object", "additionalProperties": false, "required": []string{"command"},
			"properties": map[string]any{"command": map[string]any{
				"type": "array", "minItems": 1, "items": map[string]any{"type": "string"},
			}},
		},
	}}
}

// ReferenceTable is the table of all keys in Markdown, made from Credential.
func ReferenceTable() string {
	var b strings.Builder
	b.WriteString("| key | value | session | static | assume-role | defaults | flag | what it is |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, k := range Keys {
		fmt.Fprintf(&b, "| `%s` | %s |", k.Name, k.valueForm())
		for _, t := range Types {
			switch {
			case !k.has(t):
				b.WriteString(" |")
			case k.Name == "type" || slices.Contains(required[t], k.Name):
				b.WriteString(" required |")
			default:
				b.WriteString(" yes |")
			}
		}
		fmt.Fprintf(&b, "%s|%s| %s |\n", mark(k.Default), k.flagMark(), strings.ReplaceAll(k.Doc, "|", `\|`))
	}
	return b.String()
}

func mark(yes bool) string {
	if yes {
		return " yes "
	}
	return " "
}

func (k Key) flagMark() string {
	switch {
	case k.Flag:
		return " `--" + k.FlagName() + "` "
	case k.Variable:
		return " `" + FlagVariable(k.FlagName()) + "` "
	}
	return " "
}

func (k Key) valueForm() string {
	switch {
	case k.IsSecret():
		return "reference"
	case k.kind == reflect.TypeFor[Policy]():
		return "mapping or JSON"
	case k.kind == reflect.TypeFor[time.Duration]():
		return "duration, as `1h30m`"
	case k.kind.Kind() == reflect.Bool:
		return "`true` or `false`"
	case k.kind.Kind() == reflect.Slice:
		return "list"
	case k.kind.Kind() == reflect.Map:
		return "mapping"
	}
	return strings.ReplaceAll(k.Placeholder, "|", ` or `)
}

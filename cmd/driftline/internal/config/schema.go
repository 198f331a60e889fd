package config

import (
	"reflect"
)

// Schema returns the JSON Schema (2020-12) of the configuration file, for editors.
// It holds types, allowed texts and what each option means; bounds that depend on
// other options are checked by Load alone.
func Schema() map[string]any {
	s := schemaOf(reflect.TypeFor[Config](), nil)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Driftline configuration"
	return s
}

// schemaOf describes a type; enum holds the allowed texts of the field, if any.
func schemaOf(t reflect.Type, enum []string) map[string]any {
	switch t {
	case reflect.TypeFor[Duration]():
		return map[string]any{"type": []string{"string", "integer"}, "pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+)$`}
	case reflect.TypeFor[Size]():
		return map[string]any{"type": []string{"string", "integer"}, "pattern": `^[0-9]+ ?(B|kB|MB|GB|KiB|MiB|GiB)?$`}
	}
	switch t.Kind() {
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			p := schemaOf(f.Type, enumOf(f))
			p["description"] = f.Tag.Get("doc")
			properties[f.Tag.Get("yaml")] = p
		}
		return map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	case reflect.Pointer:
		return schemaOf(t.Elem(), nil)
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem(), enum)}
	case reflect.Map:
		s := map[string]any{"type": []string{"object", "null"}}
		switch t.Elem().Kind() {
		case reflect.String:
			s["additionalProperties"] = map[string]any{"type": "string"}
		case reflect.Float64:
			s["additionalProperties"] = map[string]any{"type": "number"}
		}
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	s := map[string]any{"type": []string{"string", "number", "boolean"}} // YAML reads 1 as a number, and we as text
	if enum != nil {
		s = map[string]any{"type": "string", "enum": enum}
	}
	return s
}

package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Change is one key of a model's settings that differs.
type Change struct {
	Key    string `json:"key" doc:"Dotted, as in policy.warn."`
	Before any    `json:"before" doc:"null where the key was not there."`
	After  any    `json:"after" doc:"null where the key is gone."`
}

// diffJSON lists the keys in which two objects differ, sorted; an empty text is an
// empty object. Lists are compared as wholes unless both hold objects.
func diffJSON(before, after []byte) ([]Change, error) {
	a, err := flatten(before)
	if err != nil {
		return nil, fmt.Errorf("stored settings: %w", err)
	}
	b, err := flatten(after)
	if err != nil {
		return nil, fmt.Errorf("new settings: %w", err)
	}
	out := []Change{}
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !reflect.DeepEqual(a[key], b[key]) {
			out = append(out, Change{Key: key, Before: a[key], After: b[key]})
		}
	}
	return out, nil
}

func flatten(text []byte) (map[string]any, error) {
	out := map[string]any{}
	if len(bytes.TrimSpace(text)) == 0 {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	walk(out, "", v)
	return out, nil
}

func walk(out map[string]any, key string, v any) {
	join := func(part string) string {
		if key == "" {
			return part
		}
		return key + "." + part
	}
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			walk(out, join(name), x)
		}
	case []any:
		if len(v) == 0 || !isObject(v[0]) {
			out[key] = v
			return
		}
		for i, x := range v {
			walk(out, join(strconv.Itoa(i)), x)
		}
	default:
		out[key] = v
	}
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

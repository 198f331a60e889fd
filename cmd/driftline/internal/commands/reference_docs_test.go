package commands

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// keysOf are the keys of a type's JSON, and of all that it holds.
func keysOf(t reflect.Type) (keys []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if key != "-" {
			keys = append(append(keys, key), keysOf(t.Field(i).Type)...)
		}
	}
	return keys
}

// Every key that reference build prints stands in the docs.
func TestReferenceBuild_KeysStandInTheDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/references.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What the command prints\n")
	section, _, ok := strings.Cut(section, "\n## ")
	keys := keysOf(reflect.TypeFor[built]())
	if !ok || len(keys) < 40 {
		t.Fatalf("%d keys, section %q", len(keys), section)
	}
	for _, key := range keys {
		if !strings.Contains(section, "`"+key+"`") {
			t.Errorf("docs/references.md lacks %q", key)
		}
	}
}

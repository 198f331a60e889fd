package event

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of an event, in a fresh copy. What
// Decode accepts under the default limits it accepts too; the few things that only
// Decode can see stand in its description.
func Schema() []byte { return slices.Clone(schema) }

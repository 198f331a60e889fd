// Package config reads Driftline's configuration: which options there are, what
// they default to, and where each value came from.
//
// Layers, each winning over the one before: defaults, the preset of a command
// (demo, all), MLflow's and the platform's own variables (DATABASE_URL and such),
// the YAML file, variables DRIFTLINE_*, flags.
//
// Invariants:
//
//	C1  an unknown key is an error that names the nearest known one
//	C2  Load returns all faults at once, each with place, key and the value found
//	C3  every option stands in deploy/config/driftline.yaml with its default
//	C4  a secret is never printed: Secret masks itself under every verb and encoder
//	C5  Origin tells for every option which layer set it
//
// An option is a field with a yaml tag; its text for people stands in the doc tag
// and feeds the JSON Schema and the reference configuration. The words are those of
// docs/concepts.md: the length the inside calls a pane is "resolution" here, a slot
// is "slide".
//
// Package config opens nothing but the file it is given: no broker, database or
// directory. Package datadir owns the data directory.
package config

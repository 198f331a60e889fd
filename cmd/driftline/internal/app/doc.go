// Package app wires the parts of Driftline into one process: it opens broker, store
// and artifacts, makes the topics, publishes what the configuration declares, and
// runs roles until the context ends.
//
// Embedded is configuration, never a second code path: the same client talks to the
// embedded broker over loopback, the same query text runs on SQLite and PostgreSQL.
//
// Order of a start: data directory → broker → store (migrated) → artifacts → topics
// → control → roles → addresses announced. A stop goes the other way round.
package app

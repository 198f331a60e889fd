// Package historian writes what the stream says into SQL: scores, drift events,
// examples and the ledger of records. It also publishes the outbox, through which
// an SQL transaction speaks to the log.
//
// Each partition's rows and the offset after them are written in one transaction,
// and every row is keyed by what it says, so repeats after a crash change nothing.
// Examples join by model and id in three groups (features, prediction, label); each
// group keeps the value with the larger (event time, topic, partition, offset), so
// the order of arrival does not matter.
//
// It consumes its own copy of the input topics: what is counted for drift and what
// is stored as examples are two independent readers.
//
// The database is behind Store, which cmd implements; nothing here knows SQL.
package historian

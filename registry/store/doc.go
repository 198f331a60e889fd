// Package store keeps Driftline's registry and operations in SQL: experiments,
// runs, models, versions, champions, audit and the outbox, beside the tables of
// monitoring and retraining.
//
// One query text serves SQLite and PostgreSQL; placeholders are $1, $2, … and are
// rewritten for SQLite in one place. What truly differs stands in sqlite.go and
// postgres.go, one file per database. Times are int64 milliseconds UTC, ids and
// JSON are text, booleans are 0 or 1. Text sorts by bytes on both databases.
//
// Invariants:
//
//	S1  a method either did all it says, in one transaction, or nothing
//	S2  a model has at most one champion (primary key); a change of champion and
//	    its one outbox row stand in the same transaction
//	S3  version numbers are dense per model and never used twice
//	S4  every mutating call of the registry leaves exactly one audit row
//	S5  the latest value of a metric is the one with the greatest (step, time, value)
//
// SQLite has one writer connection, in WAL mode with synchronous=FULL, and a pool
// of readers that cannot write. PostgreSQL keeps everything in the schema
// "driftline", which Migrate creates.
//
// Errors: what a caller may show is a *Fault and wraps one of the sentinels
// (ErrNotFound, ErrExists, ErrInvalid, …). Anything else is for the log.
//
// Package store knows no HTTP and no MLflow wire format: see package mlflow.
package store

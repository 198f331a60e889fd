// Package datadir owns the directory of one process: who holds it, what lies where,
// and how other commands find the instance that runs on it.
//
//	DIR/format.json   format of the directory, written first
//	DIR/lock          held by flock while a process lives; holds its pid
//	DIR/run.json      addresses of the running instance
//	DIR/instance      id of this directory, by which a restart takes its own leases back
//	DIR/broker/       embedded broker
//	DIR/store.db      SQLite store
//	DIR/artifacts/    artifacts on local disk
//
// Invariants:
//
//	D1  at most one process holds a directory; the kernel frees it however it ends
//	D2  a directory that is not ours, is damaged or is of a newer format is left as
//	    it was found
//	D3  run.json is written whole, after listening; one whose holder is gone is never
//	    taken for a running instance
//
// The lock is advisory and local: a directory on a network file system without
// flock is refused by the system itself. Unix only.
package datadir

// Package memlog is a deterministic log in memory, with virtual time and with
// faults at every I/O boundary. It exists to prove recovery: a simulation runs
// the same code as production against it, kills it at any step, and compares.
//
// A [Log] is the broker: it outlives every process. A [Handle] is the connection
// of one process life and implements [log.Log]. Each operation through a handle
// is counted and shown to the handle's [Faults], which decides what becomes of it:
//
//	Pass           it happens and the caller is told so
//	NotDone        it does not happen, the caller gets an error
//	DoneSaidNo     it happens, the caller gets an error all the same
//	KillBefore     the process dies before the effect
//	KillAfter      the process dies after the effect, before it learns of it
//
// After a kill the operation and all later ones through that handle return
// [ErrKilled]; the next life is a new handle. An append may also be cut: the first
// records are stored, the rest is not ([Fault.Stored]).
//
// Invariants:
//
//   - No operation reads the wall clock unless [Config.Clock] does; none sleeps
//     unless [Config.Block] is set. The same calls give the same answers.
//   - A stored record never changes. Batches share the stored slices: callers
//     may keep them and must not write to them.
//   - Offsets are given once; compaction and truncation leave holes, not renumbering.
//
// Operator acts (truncate, compact, recreate, add partitions, aborted records)
// are methods of [Log]; they pass no fault plan, and a plan may call them.
//
// What it is not: a broker for data. Everything is held until truncated, and
// groups have offsets but no members.
package memlog

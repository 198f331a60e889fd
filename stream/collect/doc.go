// Package collect is fold 1: it counts the records of one source per pane of event
// time and says, in one publish cycle, what it counted and how far it got.
//
// Pure: no I/O, no clock, no goroutine. package loop drives it.
//
// Invariants:
//
//	P3  every record that arrives in a pane this run may build is counted in that
//	    pane's ledger exactly once, under one outcome
//	C1  a pane is published only if it starts after the horizon, and then its
//	    partials are a function of the log alone
//	P5  open panes are at most ⌈(lateness + skew) / length⌉ + 2 and those that wait
//	    to be published
//
// What is counted does not depend on the wall clock, on other sources, or on how
// the records were batched.
package collect

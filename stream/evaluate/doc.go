// Package evaluate is fold 2: it joins the partials of all sources into panes,
// panes into windows, and windows into statistics, alarms and drift events.
//
// Pure: no I/O, no clock, no goroutine. package loop drives it, one fold per
// partition of the panes topic.
//
// Invariants:
//
//	E1  a pane is final at the log record at which the slowest source's claim
//	    passes its end; what it holds is a function of the log up to there
//	E2  a done marker is written after the drift events, scores and ring slots of
//	    everything up to it are acknowledged
//	E3  a load followed by the rest of the log gives the same bytes as no load
//	P2  nothing depends on how records were spread over partitions
//	P4  nothing depends on the wall clock
//
// A pane that is final never changes: later partials are ignored and counted.
package evaluate

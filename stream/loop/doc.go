// Package loop moves records between the log and the two folds: it decides where
// a source starts, what may be built after that start, what may be committed, in
// which order a cycle is published, and what is tried again.
//
// Words. The record clock of a source is the running maximum of its record
// timestamps. A pane is finished for a source once the clock is past its end plus
// the lateness. The horizon H of one run is the time up to which the run's input
// may be incomplete: a pane is built only if it starts after H.
//
// Invariants (names as in docs/architecture.md):
//
//	C1  a run builds only panes that start after every record time before its
//	    first offset, plus the skew, so the panes it builds are exact
//	C3  an offset is committed only when every pane that a restart there could
//	    not build again has been published and acknowledged
//	C4  a frontier claims a pane only after the pane's partials are acknowledged
//
// The folds themselves (stream/collect, stream/evaluate) are pure; this package
// owns their input and output but knows nothing about features or statistics.
package loop

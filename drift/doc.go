// Package drift turns counts into statements: how far a window lies from its
// reference, how sure that is, and when an alarm starts and ends. It is pure: no
// clock, logger, context, metrics or I/O, nothing random, and the same input gives
// the same bits on one machine.
//
// Words. The reference is what the model was made for, the window (cur in code) is
// what comes in now; both are integer counts on one grid of package sketches, or
// raw samples in the batch functions. A PSI is a number and the name of its zero
// rule. A verdict is stable, drifted, insufficient or learning.
//
// Invariants (numbers that tests point at):
//
//	D1  a KS distance read from cells comes with bounds that hold for every
//	    placement of the values inside the cells, and both bounds are reached
//	D2  the calibrated rule says drifted only where the lower confidence bound of
//	    the PSI is above the threshold: size and significance in one rule
//	D3  what cannot be judged says so (insufficient, learning) and why; it never
//	    counts as stable
//	D4  Step is a function of state and evidence alone; no evidence never resolves
//	    an alarm
//
// What carries a unit (Wasserstein, moments) is a float64 for reading; what is
// stored goes through Nano. p-values are for display and computed on demand:
// verdicts never use them.
//
// Marks in comments: † a source not re-read, ‡ known from its abstract only,
// [D] derived in the reference and covered by a property test.
package drift

// Package sketches holds the mergeable state that everything else is computed
// from: frozen grids, integer counts on them, exact moment sums, score
// histograms and block sums, together with the byte codec that stores them.
//
// Words. A grid is the frozen list of cells of a model's features, made once from
// a reference; its id is a hash of its bytes. A cell is a half-open interval
// [e_i, e_{i+1}) of a numeric feature, or one value of a categorical feature. An
// atom is a value heavy enough to have a cell of its own. A side counter holds
// what is not a value of the feature: null, NaN, the infinities, a wrong type, a
// category the reference never had.
//
// Invariants (numbers that tests point at):
//
//	S1  counts of one grid form a commutative group: any partition, order or tree
//	    of merges gives identical bytes, and subtract undoes merge
//	S2  counts of two grids never mix (ErrGridMismatch), no counter goes below
//	    zero (ErrNegative) or wraps (ErrOverflow); after an error nothing changed
//	S3  per feature, cells + sides = number of Add calls
//	S4  equal values have equal bytes, and a decoder accepts only those bytes
//	S5  Add never allocates and never fails
//
// One exception to S1: a minimum and a maximum merge but cannot be subtracted.
// Subtract marks them unknown and RebuildMinMax sets them again from parts.
//
// Floating point enters only where a value is placed into a cell and where a
// moment is read. Nothing here knows a clock, a logger, a context or I/O, and
// nothing is random. The package imports the standard library only.
//
// What it does not do: compare two counts. That is package drift. All features taken
// together are the matter of package joint.
package sketches

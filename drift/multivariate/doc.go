// Package multivariate judges all features of a model together, from the mergeable
// sums of package joint: changes that no feature shows alone, such as a correlation
// that goes, and small shifts of many features at once. It is pure: the same sums give
// the same bits on one machine, and every random choice hangs on a seed.
//
// Words. The reference is a run of panes in time order; the window is a run of panes
// too, of one or several lengths (scales) that end at the same pane. A path is one
// statistic at one scale; its score is the statistic brought to the scale of a standard
// normal variable by the path's law, which is learnt by resampling reference panes in
// blocks. The alarm is one for all paths: the largest score against a limit calibrated
// for the maximum.
//
//	distance     unbiased squared distance of the mean embeddings: any joint change
//	location     squared shifts of the means of coordinates
//	spread       squared changes of their variances
//	correlation  squared changes of correlations between features, over all pairs
//	pair         the largest of these changes
//
// Invariants (numbers that tests point at):
//
//	M1  a result hangs on the sums of the windows alone: how rows were split into
//	    partitions, and in which order they came inside a pane, leaves no trace
//	M2  limits are calibrated for the maximum over all paths, with both sides
//	    resampled: the reference is an estimate, too
//	M3  a window that is not full yet says so and never counts as stable
//
// What carries a decision here is the calibrated limit. Sums, means and distances are
// float64 in fixed order.
//
// Marks in comments: † a source not re-read, ‡ known from its abstract only,
// [D] derived in the reference and covered by a property test.
package multivariate

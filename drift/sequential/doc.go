// Package sequential warns early: it looks at every pane as it becomes final and
// adds up the evidence that a model's features no longer follow their reference,
// where package drift judges whole windows. It is pure, as drift is.
//
// Words. A path is one question about one feature: has the mean moved up by half a
// standard deviation, has a category doubled its odds? Each path has an integer score
// per cell of the grid, in nano-nats; the increment of a pane is Σ count·score. A
// path's sum S ← max(0, S + increment) (Page 1954†) alarms at the threshold h of the
// whole model. A plan holds paths, h and how h was found.
//
// Scores are log-likelihood ratios on cells, ln(w_i/p_i), with p_i the smoothed shares
// of the reference and w_i those of an alternative fixed beforehand; so all paths are
// in one unit, and one h serves them all. The alternative of a numeric feature is a
// shift or stretch of its normal scores: nothing depends on the scale of the feature.
//
// Invariants (numbers that tests point at):
//
//	Q1  within a pane order leaves no trace: increments are sums of integers over
//	    counts, and merging counts adds increments
//	Q2  under the reference's own shares the expected increment of every path is
//	    below zero, and it stays so for every shift up to half the effect the path
//	    looks for: what lies in this zone of indifference never adds up to an alarm
//	Q3  a state is a function of plan, reference and panes in order; a pane that is
//	    counted again is put in place of the old one and gives the state that it
//	    would have given at first
//	Q4  a plan names target and achieved false alarms side by side, and says where
//	    the second is extrapolated
//	Q5  no allocation per pane
//
// Dependence. Records of most streams hang together, which multiplies the false alarms
// of every detector that assumes otherwise. Calibrate therefore resamples the
// reference's panes in blocks; without panes it scales scores by the design effect
// of the reference's block sums, or says that independence was assumed.
//
// A running product against frozen shares without a zone of indifference alarms sooner
// or later by itself, since no reference is exact; such a rule is not offered. The
// e-values here shrink their bets by the ball of laws that the reference cannot tell
// apart.
//
// PageHinkley, ADWIN and KSWIN are here to be compared with. The stream does not use
// them.
//
// Marks in comments: † a source not re-read, ‡ known from its abstract only,
// [D] derived in the reference and covered by a property test.
package sequential

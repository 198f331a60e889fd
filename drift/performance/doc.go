// Package performance says how good a model's answers are: measured, where labels have
// come, and estimated, where they have not. It also says how the answers themselves
// drift, and what a fall means. It is pure: no clock, no I/O, nothing random.
//
// Words. A cohort is the predictions of one event-time day and one maturity, the age
// at which labels are taken to have come. Outcomes are the counts of a cohort of a
// classifier, Numbers those of a regression; both merge exactly. Realised figures are
// measured on matured cohorts. Estimated ones come from the scores alone, through a
// calibration map that was learnt from matured cohorts; this is known as
// confidence-based performance estimation (CBPE). The split compares the two.
//
// Invariants (numbers that tests point at):
//
//	M1  any partition, order or tree of merges of a cohort gives the same counts, and
//	    taking out undoes putting in; after an error nothing changed
//	M2  every prediction is in one counter: unlabelled, of a strange label, without a
//	    class, with a score in a cell, or with a score missing, NaN or outside [0, 1]
//	M3  what cannot be computed has a reason and no number, never a silent 0; an
//	    estimate that cannot be made is "not available" by name
//	M4  the calibration map ascends, and no ascending map fits its labels better
//	M5  concept drift is read only where the realised figure lies below the estimated
//	    one by more than chance and by more than a margin: significance and size
//
// Package trainer/judge measures too, on raw rows, to decide between two models; this
// package works from counts that merge, and may not use it (the arrow goes the other
// way). A test holds both to the same definitions.
//
// Intervals. Records of one day hang together, so the spread is taken between days:
// by leaving one day out at a time, with Student's t for the few days there are; a
// share of counts has Wilson's interval at the size that the days leave of it.
//
// Marks in comments: † a source not re-read, ‡ known from its abstract only, [D]
// derived in the reference and covered by a property test.
package performance

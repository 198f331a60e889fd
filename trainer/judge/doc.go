// Package judge measures predictions and decides whether a challenger may replace
// the champion.
//
// Words: a holdout is the set of labelled rows both models are scored on, none of
// which either was trained on; a floor is a limit the challenger must reach by
// itself; the primary metric is the one it must be better on; a guard is a metric it
// must not be worse on by more than a margin; undecided means that the data cannot
// tell, and undecided does not promote.
//
// What holds:
//
//   - Champion and challenger are compared on the same rows, paired, with one
//     threshold. Stored old scores are never compared with.
//   - A guard whose paired lower bound lies below −margin never promotes, whatever
//     else passes. Every check must pass or be skipped with a reason.
//   - A metric that is undefined (a zero denominator, one class) is null with the
//     reason, never a silent 0.
//   - Rows of one day depend on each other, so intervals are drawn by whole days:
//     the same seed and rows give the same bounds.
//
// The functions are pure: no clock, no I/O, no package state. Package judge trains
// nothing, moves no alias and knows no model format; the trainer does.
package judge

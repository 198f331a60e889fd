// Package gbdt trains and scores gradient-boosted decision trees, and reads and
// writes them as XGBoost JSON models.
//
// The learner works on histograms: every feature is cut into at most 255 bins,
// gradients are summed per bin, and splits are looked for between bins (Chen,
// Guestrin, XGBoost, KDD 2016, sections 2.2 and 3.4). Trees grow depth-wise.
// Missing values are NaN; each split learns the side they take.
//
// Words: a row is one example, a bin one interval of a feature's values, a cut the
// float32 between two bins, a round one boosting step (one tree, or one per class),
// a margin the sum of leaves before the objective's link function.
//
// What holds:
//
//   - One rule. A row goes left iff x < cut, with both in float32, while binning,
//     while training and while scoring. Equal values never take two sides.
//   - Bit-equal models at any number of threads: sums are taken per block of
//     blockRows rows and the blocks are added in order. Equal gains go to the lowest
//     feature, then the lowest bin. Sampling draws from one seeded source per round.
//   - The margins that training ends with are, bit for bit, those of the saved and
//     loaded model: leaves are summed in float32, in tree order, as XGBoost does.
//   - Memory is known before the first tree: rows × features bytes of bins, 8 bytes
//     of gradient per row and class, and (depth + 2 + 2 × threads) histograms of 16
//     bytes per bin. Growing a tree allocates only what the tree itself keeps.
//   - LoadJSON takes bytes from outside: it checks sizes, ranges, cycles and parents
//     before anything is scored, and refuses by name what it cannot score.
//
// Not offered: loss-guided growth, categorical splits, column sampling per level or
// node, monotone or interaction constraints, vector leaves. Parameters that ask for
// them are errors, never silently ignored.
//
// The package knows no clock, logger, metric or file: callers hand in a context, a
// progress function, readers and writers. A Model is immutable once made and may be
// used by any number of goroutines.
package gbdt

// Package generate draws the records that detectors are measured on: SEA, AGRAWAL and
// the rotating hyperplane, with drifts of the concept and of the inputs, and single
// streams of numbers that change in one way. Calibration draws from it, too.
//
// Every draw is a function of (seed, stream, number of the draw): no state, so any
// order or parallelism gives the same records, and a run is named by its seed. The
// hyperplane alone must be run in order, because its weights wander.
//
// Drift of the inputs is drawn before the label is given, so that the concept stays
// what it was; missing values come after it, as a lost measurement does. Functions
// and ranges follow the published ones as the comments say; parameters are ours.
package generate

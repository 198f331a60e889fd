// Package sim holds the kill simulation: the folds of package collect and package
// evaluate, driven by package loop over package memlog, are killed at random I/O
// steps and compared with a run that was left alone.
//
// The wrong rules of loop.Mutant run through the same simulation and must fail, or
// the simulation proves nothing.
package sim

// Package check judges two sets of rows in one go, without a stream: a reference and
// what came in now. It is what `driftline check` prints and writes.
//
// The verdict is the one of the stream: the reference makes the grid, both sides are
// counted on it, and package drift judges the counts. Since the rows are at hand, KS,
// Wasserstein and the moments are exact here. Where rows carry times, blocks of the
// reference as long as the current span tell how dependent records are; without times
// the report says `assumed none`.
//
// Pure but for what reads the report's file name: rows come in, a report goes out.
package check

// Package reference builds references from rows: the grid their features are
// counted on, the counts, and the block sums that say how dependent the records
// are. Every reference passes a gate first; each failure says what was found and
// what was needed.
//
// A grid is kept as long as it fits: a new one is made only where an interior cell
// of the new reference would hold more than 5 % of the values, or more than 1 % lie
// outside. A kept grid lets a new reference apply at once over all history.
//
// Pure: rows come in, a result goes out.
package reference

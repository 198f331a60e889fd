package web

import (
	"cmp"
	"slices"
)

// tallies sorts counts, most first.
func tallies(counts map[string]int64) []Tally {
	out := make([]Tally, 0, len(counts))
	for name, n := range counts {
		out = append(out, Tally{Name: name, Records: n})
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Name, b.Name)) })
	return out
}

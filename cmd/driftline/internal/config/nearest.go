package config

import "strings"

// Nearest returns the candidate most like word, or "" where none is alike: at most
// a third of its letters differ (two in a short word), a dash counting as an
// underscore.
func Nearest(word string, candidates []string) string {
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	best, bestCost := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if cost := edits(word, strings.ToLower(c)); cost < bestCost {
			best, bestCost = c, cost
		}
	}
	if bestCost >= max(len(word), 2) {
		return "" // nothing of the word is left
	}
	return best
}

// edits is the number of letters to insert, delete, change or swap with their
// neighbour to turn a into b.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// nearestKey looks for a known key among the siblings first, then for an option of
// that last name anywhere.
func nearestKey(prefix, key string, siblings []string) string {
	if s := Nearest(key, siblings); s != "" {
		return join(prefix, s)
	}
	for _, o := range Options() {
		if o.Key[strings.LastIndexByte(o.Key, '.')+1:] == key {
			return o.Key
		}
	}
	return ""
}

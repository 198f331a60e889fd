package sketches

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

const (
	// MaxNamed is how many values of a categorical feature have a cell each.
	MaxNamed = 1000
	// TailCells is the number of hashed cells for values ranked after MaxNamed.
	TailCells = 256
	// MaxCategories bounds the distinct values of one feature: a column with more
	// is an identifier, not a category.
	MaxCategories = 1 << 20
)

// tailSeed keeps the hashed cells apart from other uses of the fingerprint.
const tailSeed = 0x6472696674_01

// NewCategorical builds the cells of a categorical feature from reference counts
// per value. Values are brought into the form of CategoryText, zero counts dropped,
// and ranked by count, ties by bytes. The first min(topK, 1000) are named; where
// topK > 1000, ranks 1001 … topK share 256 hashed cells; all later ones are other.
// A value that is not in counts at all is unseen.
//
// Errors: ErrEmpty if nothing is left; ErrBadGrid for topK < 1 or more than 2²⁰
// distinct values.
func NewCategorical(name string, counts map[string]uint64, topK int) (FeatureGrid, error) {
	if topK < 1 {
		return FeatureGrid{}, fmt.Errorf("%w: categorical feature %q: top K is %d, want at least 1", ErrBadGrid, name, topK)
	}
	merged := make(map[string]uint64, len(counts))
	for text, n := range counts {
		if n == 0 {
			continue
		}
		text = CategoryText(text)
		if merged[text]+n < n {
			return FeatureGrid{}, fmt.Errorf("categorical feature %q: value %q: %w", name, text, ErrOverflow)
		}
		merged[text] += n
	}
	if len(merged) == 0 {
		return FeatureGrid{}, fmt.Errorf("categorical feature %q: %w: the reference holds none; leave the feature out or widen the reference", name, ErrEmpty)
	}
	if len(merged) > MaxCategories {
		return FeatureGrid{}, fmt.Errorf("%w: categorical feature %q has %d distinct values, at most %d are supported: it looks like an identifier, leave it out", ErrBadGrid, name, len(merged), MaxCategories)
	}
	ranked := make([]string, 0, len(merged))
	for text := range merged {
		ranked = append(ranked, text)
	}
	sort.Slice(ranked, func(i, j int) bool {
		a, b := merged[ranked[i]], merged[ranked[j]]
		return a > b || a == b && ranked[i] < ranked[j]
	})

	named := min(topK, MaxNamed, len(ranked))
	tail := max(named, min(topK, len(ranked)))
	f := FeatureGrid{
		Name: name, Kind: Categorical,
		Names: ranked[:named:named],
		Tail:  fingerprints(ranked[named:tail]),
		Known: fingerprints(ranked[tail:]),
	}
	// Of two values with one fingerprint the more frequent decides.
	f.Known = slices.DeleteFunc(f.Known, func(h uint64) bool { return contains(f.Tail, h) })
	if len(f.Tail) > 0 {
		f.Seed = tailSeed
	}
	if err := f.prepare(); err != nil {
		return FeatureGrid{}, err
	}
	return f, nil
}

func fingerprints(texts []string) []uint64 {
	if len(texts) == 0 {
		return nil
	}
	fps := make([]uint64, len(texts))
	for i, t := range texts {
		fps[i] = fingerprint(t)
	}
	slices.Sort(fps)
	return slices.Compact(fps)
}

func contains(sorted []uint64, h uint64) bool {
	_, found := slices.BinarySearch(sorted, h)
	return found
}

func (f *FeatureGrid) prepareCategorical() error {
	if len(f.Edges) > 0 || len(f.Quantile) > 0 || f.Centre != 0 || f.Exp != 0 {
		return errors.New("categorical, but holds numeric edges")
	}
	if len(f.Names) == 0 || len(f.Names) > MaxNamed {
		return fmt.Errorf("%d named values, want 1 … %d", len(f.Names), MaxNamed)
	}
	if len(f.Tail) > 0 && len(f.Names) < MaxNamed {
		return fmt.Errorf("hashed cells beside %d named values, want %d first", len(f.Names), MaxNamed)
	}
	if len(f.Tail) == 0 && f.Seed != 0 {
		return errors.New("a seed without hashed cells")
	}
	for what, fps := range map[string][]uint64{"hashed": f.Tail, "known": f.Known} {
		for i := 1; i < len(fps); i++ {
			if fps[i] <= fps[i-1] {
				return fmt.Errorf("%s fingerprints do not ascend at %d", what, i)
			}
		}
	}
	named := make(map[string]int32, len(f.Names))
	for i, n := range f.Names {
		if len(n) > MaxCategoryBytes {
			return fmt.Errorf("name %d has %d bytes, at most %d", i, len(n), MaxCategoryBytes)
		}
		if j, twice := named[n]; twice {
			return fmt.Errorf("names %d and %d are both %q", j, i, n)
		}
		named[n] = int32(i)
	}
	f.named = named
	return nil
}

func (f *FeatureGrid) locateCategory(v Value) (int, Side) {
	var buf [MaxCategoryBytes]byte
	switch v.kind {
	case ValueNull:
		return -1, SideNull
	case ValueString:
		if len(v.text) <= MaxCategoryBytes { // the usual case needs no copy
			if i, ok := f.named[v.text]; ok {
				return int(i), InCell
			}
			return f.unnamed(fingerprint(v.text))
		}
	case ValueNumber:
		if v.num-v.num != 0 {
			return -1, nonFiniteSide(v.num)
		}
	case ValueWrong:
		return -1, SideWrong
	}
	b, _ := v.appendText(buf[:0])
	if i, ok := f.named[string(b)]; ok {
		return int(i), InCell
	}
	return f.unnamed(fingerprint(b))
}

// unnamed places a value that has no cell of its own, by its fingerprint.
func (f *FeatureGrid) unnamed(h uint64) (int, Side) {
	other := len(f.Names)
	switch {
	case contains(f.Tail, h):
		return other + 1 + int(mix64(h^f.Seed)%TailCells), InCell
	case contains(f.Known, h):
		return other, InCell
	}
	return -1, SideUnseen
}

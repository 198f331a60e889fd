package joint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

const (
	// DefaultWaves is D where Config does not say.
	DefaultWaves = 256
	// HashWidth is how many coordinates the categories of one feature share.
	HashWidth = 4
	// missingShare decides which features get an indicator of missing values: those whose
	// reference has missing·missingShare > rows. Of the others a missing value has the
	// coordinates of the mean, and its share is a data-quality signal.
	missingShare = 512
	// clampScore bounds z before standardising.
	clampScore = 4
	// sigmaRows bounds the rows whose distances give σ.
	sigmaRows = 512
)

// Streams of the generator, one per use.
const (
	streamFrequency = 1
	streamHash      = 2
)

// Config says what an embedding is made from.
type Config struct {
	Reference *sketches.Counts // whole reference on the grid, with cells of every feature
	Features  []int            // features that take part; nil: all of the grid
	// Sample holds codes of reference rows, one column per feature of the grid (others
	// than Features may be nil), 2 … MaxSample rows. σ and attributions come from it.
	Sample [][]uint16
	Waves  int    // D, a multiple of 4; 0: DefaultWaves
	Seed   uint64 // see Seed
}

// Seed returns the seed of a model's embedding on a reference.
func Seed(model string, reference sketches.ID) uint64 {
	id := sketches.HashFields([]byte("joint"), []byte(model), reference[:])
	return binary.LittleEndian.Uint64(id[:8])
}

// Build freezes an embedding. With n reference values of a numeric feature and A_c of
// them in cell c
//
//	z_c = Φ⁻¹((A_before + A_c/2 + ½)/(n+1)),   under and over at Φ⁻¹(½/(n+1)) and its mirror
//
// clamped to ±4, then brought to mean 0 and variance 1 under the reference's masses; a
// missing value has z = 0. An indicator of missing values and the hashed coordinates of
// categories are standardised first and clamped then, so that what is rare in the
// reference stays light. The HashWidth coordinates of a category have variance
// 1/HashWidth each: every feature weighs the same in distances.
//
// σ² is half the median squared distance of sampled rows; where that is 0, half the
// mean, and 1 where that is 0 too. Frequencies are normal with variance 1/σ².
//
// Errors: sketches.ErrEmpty without reference or sample rows; ErrBadGrid for features
// outside the grid, a sample that does not fit it, too many coordinates or a wrong D.
func Build(cfg Config) (*Embedding, error) {
	ref := cfg.Reference
	if ref == nil || ref.Rows == 0 {
		return nil, fmt.Errorf("embedding: %w: the reference has no rows", sketches.ErrEmpty)
	}
	e := &Embedding{Grid: ref.Grid.ID(), Seed: cfg.Seed, Features: slices.Clone(cfg.Features)}
	if e.Features == nil {
		for f := range ref.Grid.Features {
			e.Features = append(e.Features, f)
		}
	}
	slices.Sort(e.Features)
	e.Features = slices.Compact(e.Features)
	for _, f := range e.Features {
		if f < 0 || f >= len(ref.Grid.Features) || f >= len(cfg.Sample) || len(cfg.Sample[f]) < 2 {
			return nil, fmt.Errorf("%w: embedding: feature %d of %d, or fewer than 2 sampled rows", sketches.ErrBadGrid, f, len(ref.Grid.Features))
		}
		e.Sample = append(e.Sample, slices.Clone(cfg.Sample[f]))
		e.Coordinates = append(e.Coordinates, coordinates(ref, f, cfg.Seed)...)
	}
	waves := cmp.Or(cfg.Waves, DefaultWaves)
	if waves < 4 || waves%4 != 0 || waves > MaxWaves {
		return nil, fmt.Errorf("%w: embedding: %d random features, want a multiple of 4 up to %d", sketches.ErrBadGrid, waves, MaxWaves)
	}
	if err := e.checkTables(); err != nil { // before distances are taken
		return nil, fmt.Errorf("embedding: %w", err)
	}
	e.Sigma = e.medianWidth()
	e.Frequencies = make([]int32, waves/2*len(e.Coordinates))
	for i := range e.Frequencies {
		turns := normal(cfg.Seed, streamFrequency, uint64(i)) / (2 * math.Pi * e.Sigma)
		units := math.RoundToEven(math.Ldexp(turns, 32-gramBits))
		e.Frequencies[i] = int32(min(max(units, -math.MaxInt32), math.MaxInt32))
	}
	if err := e.prepare(); err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	return e, nil
}

// coordinates returns those of one feature.
func coordinates(ref *sketches.Counts, f int, seed uint64) []Coordinate {
	grid, counts := &ref.Grid.Features[f], &ref.Features[f]
	masses := make([]float64, grid.Cells()+2) // by code
	for i, n := range counts.Cells {
		masses[i] = float64(n)
	}
	missing := counts.Sides() - counts.Unseen
	masses[grid.Cells()], masses[grid.Cells()+1] = float64(missing), float64(counts.Unseen)
	var out []Coordinate
	add := func(role Role, z []float64) {
		c := Coordinate{Feature: f, Role: role, Table: make([]int32, len(z))}
		for i, x := range z {
			x = min(max(x, -maxScore), maxScore)
			c.Table[i] = int32(math.RoundToEven(math.Ldexp(x, firstBits)))
		}
		out = append(out, c)
	}
	if grid.Kind == sketches.Numeric {
		add(RoleScore, scores(masses))
	} else {
		for _, z := range hashed(masses, f, seed) {
			add(RoleHashed, z)
		}
	}
	if missing > ref.Rows/missingShare {
		z := make([]float64, len(masses))
		z[grid.Cells()] = 1
		if standardise(z, masses, len(z)) {
			for i := range z {
				z[i] = min(max(z[i], -clampScore), clampScore)
			}
			add(RoleMissing, z)
		}
	}
	return out
}

// scores returns the normal scores by code of a numeric feature.
func scores(masses []float64) []float64 {
	cells := len(masses) - 2
	n := 0.0
	for _, a := range masses[:cells] {
		n += a
	}
	z := make([]float64, len(masses))
	before := 0.0
	for c, a := range masses[:cells] {
		p := (before + a/2 + 0.5) / (n + 1)
		switch c {
		case 0:
			p = 0.5 / (n + 1)
		case cells - 1:
			p = (n + 0.5) / (n + 1)
		}
		z[c] = min(max(quantile(p), -clampScore), clampScore)
		before += a
	}
	standardise(z, masses, cells)
	return z
}

// hashed returns the coordinates of a category by code: each code is ±1 in one of
// HashWidth places. A missing value is 0 in all of them.
func hashed(masses []float64, f int, seed uint64) [][]float64 {
	missing := len(masses) - 2
	width := min(HashWidth, missing)
	all := make([][]float64, width)
	for i := range all {
		all[i] = make([]float64, len(masses))
	}
	for code := range masses {
		if code == missing {
			continue
		}
		h := Bits(seed, streamHash, uint64(f)<<32|uint64(code))
		place, sign := int(h%uint64(width)), 1-2*float64(h>>63)
		if code < width { // the first few need no chance to lie apart
			place, sign = code, 1
		}
		all[place][code] = sign
	}
	weigh := slices.Clone(masses)
	weigh[missing] = 0
	out := all[:0]
	for _, z := range all {
		if !standardise(z, weigh, len(z)) {
			continue // the reference never shows it: nothing to compare with
		}
		for i := range z {
			z[i] = min(max(z[i], -clampScore), clampScore) / math.Sqrt(float64(width))
		}
		z[missing] = 0
		out = append(out, z)
	}
	return out
}

// standardise gives the first n entries mean 0 and variance 1 under masses; without a
// spread it only centres them and returns false.
func standardise(z, masses []float64, n int) bool {
	total, mean, square := 0.0, 0.0, 0.0
	for i, a := range masses[:n] {
		total += a
		mean += float64(a * z[i])
	}
	if total == 0 {
		return false
	}
	mean /= total
	for i, a := range masses[:n] {
		z[i] -= mean
		square += float64(a * float64(z[i]*z[i]))
	}
	if square/total < 1e-9 {
		return false
	}
	scale := 1 / math.Sqrt(square/total)
	for i := range z[:n] {
		z[i] *= scale
	}
	return true
}

// medianWidth returns σ by the median of squared distances among sampled rows.
func (e *Embedding) medianWidth() float64 {
	d := len(e.Coordinates)
	rows := min(e.SampleRows(), sigmaRows)
	points := make([]int32, rows*d)
	for r := range rows {
		e.Point(r*e.SampleRows()/rows, points[r*d:(r+1)*d])
	}
	squares := make([]int64, 0, rows*(rows-1)/2)
	sum := 0.0
	for i := range rows {
		for j := range i {
			s := int64(0)
			for k, a := range points[i*d : (i+1)*d] {
				diff := int64(a - points[j*d+k])
				s += diff * diff
			}
			squares = append(squares, s)
			sum += float64(s)
		}
	}
	slices.Sort(squares)
	half := float64(squares[len(squares)/2]) / 2
	if half == 0 {
		half = sum / float64(2*len(squares))
	}
	if half == 0 {
		return 1
	}
	return math.Sqrt(half) / (1 << gramBits)
}

package joint

import (
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

const (
	// MaxCoordinates bounds d: Gram sums grow with its square, work with d·D.
	MaxCoordinates = 128
	// MaxWaves bounds D.
	MaxWaves = 4096
	// MaxSample bounds the stored rows of the reference.
	MaxSample = 2048

	firstBits = 20 // Z = round(2²⁰·z)
	gramBits  = 16 // Z' = round(2¹⁶·z)
	// maxScore bounds |z| after standardising, so that sums have a bound per row. Only
	// features whose reference is almost constant come near it.
	maxScore = 32
)

// Role says what a coordinate stands for.
type Role uint8

// Roles of coordinates.
const (
	RoleScore   Role = 1 // normal score of a number
	RoleMissing Role = 2 // indicator of a missing value
	RoleHashed  Role = 3 // one of the sign-hashed coordinates of a category
)

// String names the role.
func (r Role) String() string {
	switch r {
	case RoleScore:
		return "score"
	case RoleMissing:
		return "missing"
	case RoleHashed:
		return "category"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// Coordinate is one coordinate of the point that a row becomes.
type Coordinate struct {
	Feature int     // index in the grid
	Role    Role    //
	Table   []int32 // Z by code of the feature: its cells, then missing, then unseen
}

// Embedding is the frozen map from rows to points and waves. It is safe for concurrent
// use; its fields are data, immutable by convention: make one with Build or Decode.
type Embedding struct {
	Grid        sketches.ID
	Seed        uint64
	Sigma       float64 // width of the kernel exp(−|x−y|²/(2σ²)), in units of z
	Coordinates []Coordinate
	// Frequencies are the D/2 frequencies, d numbers each, in turns of 2⁻³² per unit of Z'.
	Frequencies []int32
	// Features are the features that coordinates stand for, ascending; Sample holds the
	// codes of stored reference rows, one column for each of them.
	Features []int
	Sample   [][]uint16

	packed []uint64 // two frequencies in one: the even one below, the odd one above
	bytes  []byte
	id     sketches.ID
}

// ID returns the content hash: the first 16 bytes of SHA-256 over Encode.
func (e *Embedding) ID() sketches.ID { return e.id }

// Encode returns the canonical bytes, a frame of kind sketches.FrameEmbedding. The
// caller must not change them.
func (e *Embedding) Encode() []byte { return e.bytes }

// Dim returns d, the number of coordinates.
func (e *Embedding) Dim() int { return len(e.Coordinates) }

// Waves returns D, the number of random features: a cosine and a sine per frequency.
func (e *Embedding) Waves() int { return 2 * len(e.Frequencies) / len(e.Coordinates) }

// SampleRows returns the number of stored reference rows.
func (e *Embedding) SampleRows() int {
	if len(e.Sample) == 0 {
		return 0
	}
	return len(e.Sample[0])
}

// Width returns the number of sums, and the places of Gram, wave and norm sums among
// them; first sums begin at 0.
func (e *Embedding) Width() (width, gram, wave, norm int) {
	d := e.Dim()
	gram = d
	wave = gram + d*(d+1)/2
	norm = wave + e.Waves()
	return norm + 1, gram, wave, norm
}

// Pair returns the place of coordinates j ≤ l among the Gram sums of d coordinates.
func Pair(d, j, l int) int { return j*d - j*(j-1)/2 + l - j }

// Point writes Z' of stored row r, d integers of scale 2¹⁶.
func (e *Embedding) Point(r int, to []int32) {
	at := 0
	for k := range e.Coordinates {
		c := &e.Coordinates[k]
		for e.Features[at] != c.Feature {
			at++
		}
		to[k] = short(c.Table[e.Sample[at][r]])
	}
}

// Wave writes the D random features of a point, cosine and sine in turn, scale 2³⁰.
func (e *Embedding) Wave(point []int32, to []int32) {
	d := len(point)
	for p := 0; (p+1)*d <= len(e.packed); p++ {
		sum := uint64(0)
		for k, w := range e.packed[p*d : (p+1)*d] {
			sum += w * uint64(int64(point[k]))
		}
		c0, s0 := circle(uint32(sum))
		c1, s1 := circle(uint32(sum >> 32))
		to[4*p], to[4*p+1], to[4*p+2], to[4*p+3] = int32(c0), int32(s0), int32(c1), int32(s1)
	}
}

// short turns Z into Z'.
func short(z int32) int32 { return (z + 1<<(firstBits-gramBits-1)) >> (firstBits - gramBits) }

// prepare checks the data and fills in what is derived.
func (e *Embedding) prepare() error {
	d := len(e.Coordinates)
	if d < 1 || d > MaxCoordinates {
		return fmt.Errorf("%w: %d coordinates, want 1 … %d: name fewer features", sketches.ErrBadGrid, d, MaxCoordinates)
	}
	n := len(e.Frequencies)
	if n%(2*d) != 0 || n < 2*d || 2*n/d > MaxWaves {
		return fmt.Errorf("%w: %d frequencies of %d coordinates, want 2 … %d, even", sketches.ErrBadGrid, n/d, d, MaxWaves/2)
	}
	if !(e.Sigma > 0) || math.IsInf(e.Sigma, 1) {
		return fmt.Errorf("%w: width of the kernel is %g", sketches.ErrBadGrid, e.Sigma)
	}
	if err := e.checkTables(); err != nil {
		return err
	}
	e.packed = make([]uint64, n/2)
	for p := range n / (2 * d) {
		for k := range d {
			low, high := e.Frequencies[2*p*d+k], e.Frequencies[(2*p+1)*d+k]
			e.packed[p*d+k] = uint64(int64(high)<<32 + int64(low))
		}
	}
	e.bytes = e.encode()
	sum := sha256.Sum256(e.bytes)
	e.id = sketches.ID(sum[:16])
	return nil
}

func (e *Embedding) checkTables() error {
	codes := map[int]int{} // by feature
	last := -1
	for k, c := range e.Coordinates {
		if c.Feature < last || c.Feature >= sketches.MaxFeatures || len(c.Table) < 3 {
			return fmt.Errorf("%w: coordinate %d of feature %d with %d codes", sketches.ErrBadGrid, k, c.Feature, len(c.Table))
		}
		if n, met := codes[c.Feature]; met && n != len(c.Table) {
			return fmt.Errorf("%w: feature %d has %d and %d codes", sketches.ErrBadGrid, c.Feature, n, len(c.Table))
		}
		if c.Role < RoleScore || c.Role > RoleHashed {
			return fmt.Errorf("%w: coordinate %d has %s", sketches.ErrBadGrid, k, c.Role)
		}
		for _, z := range c.Table {
			if z > maxScore<<firstBits || z < -maxScore<<firstBits {
				return fmt.Errorf("%w: coordinate %d holds %d", sketches.ErrBadGrid, k, z)
			}
		}
		if c.Feature != last {
			if at := len(codes); at >= len(e.Features) || e.Features[at] != c.Feature {
				return fmt.Errorf("%w: coordinate %d is of feature %d, which is not listed", sketches.ErrBadGrid, k, c.Feature)
			}
		}
		codes[c.Feature], last = len(c.Table), c.Feature
	}
	if len(codes) != len(e.Features) || len(e.Sample) != len(e.Features) {
		return fmt.Errorf("%w: coordinates of %d features, %d listed, sample of %d", sketches.ErrBadGrid, len(codes), len(e.Features), len(e.Sample))
	}
	for i, column := range e.Sample {
		if len(column) > MaxSample || len(column) != e.SampleRows() {
			return fmt.Errorf("%w: sample of %d rows in column %d", sketches.ErrBadGrid, len(column), i)
		}
		for _, code := range column {
			if int(code) >= codes[e.Features[i]] {
				return fmt.Errorf("%w: code %d of %d in the sample of feature %d", sketches.ErrBadGrid, code, codes[e.Features[i]], e.Features[i])
			}
		}
	}
	return nil
}

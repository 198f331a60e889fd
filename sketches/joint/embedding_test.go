package joint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// TestCosines_AreTheSameEverywhere: no entry lies so near to a half that another
// machine's cosine, off in its last bit, could round it otherwise.
func TestCosines_AreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	h := sha256.New()
	for i, c := range cosines {
		x := (1 << waveBits) * math.Cos(2*math.Pi*float64(i)/tableSize)
		if d := math.Abs(math.Abs(x-math.Floor(x)) - 0.5); d < 1e-5 && i%1024 != 0 {
			t.Errorf("entry %d = %.9f is %g from a tie", i, x, d)
		}
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(c))
		h.Write(b[:])
	}
	if got, want := hex.EncodeToString(h.Sum(nil)[:8]), cosinesHash; got != want {
		t.Errorf("hash of the table %s, want %s", got, want)
	}
}

func TestCircle_IsWithinItsBound(t *testing.T) {
	t.Parallel()
	const bound = 3e-7
	worst := 0.0
	for i := range uint64(200_000) {
		a := uint32(Bits(1, 1, i))
		c, s := circle(a)
		sin, cos := math.Sincos(2 * math.Pi * float64(a) / (1 << 32))
		worst = max(worst, math.Abs(float64(c)/(1<<waveBits)-cos), math.Abs(float64(s)/(1<<waveBits)-sin))
	}
	if worst > bound || worst < bound/2 {
		t.Errorf("largest error %g, want just below %g", worst, bound)
	}
}

// TestBuild_Standardises: under the reference's own masses coordinates have mean 0,
// scores variance 1, and those of a category not more than 1 together.
func TestBuild_Standardises(t *testing.T) {
	t.Parallel()
	counts, codes := mixedGrid(t)
	e := build(t, counts, codes, 64)
	n := float64(len(codes[0]))
	roles := map[Role]int{}
	for k, c := range e.Coordinates {
		roles[c.Role]++
		mean, square, m := 0.0, 0.0, 0.0
		for _, code := range codes[c.Feature] {
			if code == counts.Grid.Features[c.Feature].Missing() && c.Role != RoleMissing {
				if c.Table[code] != 0 {
					t.Errorf("coordinate %d: a missing value has %d, want 0", k, c.Table[code])
				}
				continue
			}
			z := float64(c.Table[code]) / (1 << firstBits)
			mean, square, m = mean+z, square+z*z, m+1
		}
		mean, square = mean/m, square/m
		want := 1.0
		switch {
		case c.Role == RoleHashed:
			want = 1.0 / HashWidth
			if counts.Grid.Features[c.Feature].Cells() < HashWidth {
				want = 1.0 / 3
			}
		case c.Feature == 2: // the constant
			want = 0
		}
		within := 1e-6
		if c.Role != RoleScore && square < want && square > 0.5*want { // something rare is clamped
			want, within = square, 0.05
		}
		if math.Abs(mean) > within || math.Abs(square-want) > 1e-3 {
			t.Errorf("coordinate %d, %s of feature %d: mean %g, variance %g, want 0 and %g over %g of %g", k, c.Role, c.Feature, mean, square, want, m, n)
		}
	}
	if roles[RoleScore] != 3 || roles[RoleMissing] != 2 || roles[RoleHashed] < 6 {
		t.Errorf("coordinates by role: %v", roles)
	}
	for _, c := range e.Coordinates {
		if f := &counts.Grid.Features[c.Feature]; f.Name == "n2" && c.Role == RoleScore && !(c.Table[0] < 0 && c.Table[1] == 0 && c.Table[2] > 0) {
			t.Errorf("scores of a constant feature: %v, want below, at and above 0", c.Table)
		}
	}
}

// TestBuild_KernelIsGaussian: the random features give back exp(−|x−y|²/(2σ²)).
func TestBuild_KernelIsGaussian(t *testing.T) {
	t.Parallel()
	counts, codes := numericGrid(t, 5, 800, 2)
	e := build(t, counts, codes, 4096)
	d := e.Dim()
	x, y := make([]int32, d), make([]int32, d)
	a, b := make([]int32, e.Waves()), make([]int32, e.Waves())
	for r := range 100 {
		e.Point(2*r, x)
		e.Point(2*r+1, y)
		e.Wave(x, a)
		e.Wave(y, b)
		square, dot := 0.0, 0.0
		for k := range x {
			square += math.Pow(float64(x[k]-y[k])/(1<<gramBits), 2)
		}
		for k := range a {
			dot += float64(a[k]) * float64(b[k])
		}
		got := dot / (1 << (2 * waveBits)) * 2 / float64(e.Waves())
		want := math.Exp(-square / (2 * e.Sigma * e.Sigma))
		if math.Abs(got-want) > 5/math.Sqrt(float64(e.Waves()/2)) {
			t.Errorf("rows %d and %d: kernel %g, want %g", 2*r, 2*r+1, got, want)
		}
	}
	if want := math.Sqrt(float64(d)); math.Abs(e.Sigma-want) > 0.15*want { // median |x−y|² is about 2d
		t.Errorf("σ = %g, want about %g", e.Sigma, want)
	}
}

func TestBuild_Refuses(t *testing.T) {
	t.Parallel()
	counts, codes := numericGrid(t, 3, 300, 1)
	wide, wideCodes := numericGrid(t, MaxCoordinates+1, 20, 1)
	for _, tc := range []struct {
		name string
		cfg  Config
		want error
	}{
		{"no reference", Config{Sample: codes}, sketches.ErrEmpty},
		{"an empty reference", Config{Reference: sketches.NewCounts(counts.Grid), Sample: codes}, sketches.ErrEmpty},
		{"a feature outside", Config{Reference: counts, Sample: codes, Features: []int{3}}, sketches.ErrBadGrid},
		{"one row", Config{Reference: counts, Sample: head(codes, 1)}, sketches.ErrBadGrid},
		{"columns of two lengths", Config{Reference: counts, Sample: [][]uint16{codes[0], codes[1][:9], codes[2]}}, sketches.ErrBadGrid},
		{"a code outside", Config{Reference: counts, Sample: [][]uint16{codes[0], codes[1], {1, 9999}}, Features: []int{2}}, sketches.ErrBadGrid},
		{"odd waves", Config{Reference: counts, Sample: codes, Waves: 6}, sketches.ErrBadGrid},
		{"too many waves", Config{Reference: counts, Sample: codes, Waves: MaxWaves + 4}, sketches.ErrBadGrid},
		{"too many features", Config{Reference: wide, Sample: wideCodes}, sketches.ErrBadGrid},
	} {
		if _, err := Build(tc.cfg); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

const cosinesHash = "5caa11e56c35a0e3" // of the entries, little endian

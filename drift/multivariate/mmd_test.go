package multivariate

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

func TestMMDVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID, Kind string
			Sigma    float64
			Ref, Cur json.RawMessage
			Expect   struct {
				MMD2U float64 `json:"mmd2_u"`
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	met := 0
	for _, v := range file.Vectors {
		if v.Kind != "mmd" {
			continue
		}
		met++
		var ref, cur [][]float64
		if err := errors.Join(json.Unmarshal(v.Ref, &ref), json.Unmarshal(v.Cur, &cur)); err != nil {
			t.Fatal(err)
		}
		got, err := MMD2(ref, cur, v.Sigma)
		if err != nil {
			t.Fatal(err)
		}
		if !near(got, v.Expect.MMD2U, 1e-9, 1e-12) {
			t.Errorf("%s: MMD² = %.17g, want %.17g", v.ID, got, v.Expect.MMD2U)
		}
	}
	if met != 2 {
		t.Errorf("%d vectors of kind mmd, want 2", met)
	}
}

func TestMMD2_Refuses(t *testing.T) {
	t.Parallel()
	two := [][]float64{{1}, {2}}
	for _, tc := range []struct {
		name     string
		ref, cur [][]float64
		sigma    float64
		want     error
	}{
		{"one row", two[:1], two, 1, ErrTooFew},
		{"no rows", two, nil, 1, ErrTooFew},
		{"two lengths", two, [][]float64{{1}, {2, 3}}, 1, ErrMismatch},
		{"no width", two, two, 0, ErrMismatch},
		{"a width of NaN", two, two, math.NaN(), ErrMismatch},
	} {
		if _, err := MMD2(tc.ref, tc.cur, tc.sigma); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// TestDistance_EstimatesTheKernelDistance: at many random features the distance of the
// sums is the exact one on the points up to its error of O(1/√D), and the float form of
// the monitor is that of the exact integers.
func TestDistance_EstimatesTheKernelDistance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, 400, 4096, 1, normals)
	ref := w.draw(150, normals)
	for _, shift := range []float64{0, 0.5, 2} {
		cur := w.draw(60, func(rng *rand.Rand, x []float64) {
			normals(rng, x)
			x[0] += shift
		})
		a, b := w.sums(ref...), w.sums(cur...)
		got, err := Distance(a, b)
		if err != nil {
			t.Fatal(err)
		}
		want, err := MMD2(w.points(ref), w.points(cur), w.space.Sigma)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got-want) > 4*want/math.Sqrt(2048)+0.002 {
			t.Errorf("shift %g: distance %g, want about %g", shift, got, want)
		}
		r, err := NewReference(a)
		if err != nil {
			t.Fatal(err)
		}
		m := newMonitor(r, []PathLaw{{Path: Path{StatDistance, 1}}})
		m.add(b)
		m.measure(r)
		m.values[0] *= 1.0/150 + 1.0/60
		if !near(m.values[0], got, 1e-10, 1e-14) {
			t.Errorf("shift %g: distance %.17g in floats, %.17g exactly", shift, m.values[0], got)
		}
	}
	one := w.sums(ref[0])
	if _, err := Distance(w.all, one); !errors.Is(err, ErrTooFew) {
		t.Errorf("one row: %v", err)
	}
	o := newWorld(t, 4, 100, 64, 2, normals)
	if _, err := Distance(w.all, o.all); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("two embeddings: %v", err)
	}
	if _, err := NewReference(joint.NewSums(w.space)); !errors.Is(err, ErrTooFew) {
		t.Errorf("an empty reference: %v", err)
	}
}

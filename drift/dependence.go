package drift

import (
	"fmt"
	"math"
	"math/big"

	"github.com/driftline/driftline/sketches"
)

// DependenceKind says where the design effect of a verdict comes from.
type DependenceKind uint8

// Kinds of dependence.
const (
	AssumedNone  DependenceKind = iota // records taken as independent: no time order is known
	FromBlocks                         // covariance from the reference's blocks, both sides
	FromLive                           // window side from live windows, reference side multinomial
	BorrowedLive                       // as FromLive, from the next shorter window
	LearningLive                       // not enough live windows yet
)

// String gives the words that reports and events use.
func (k DependenceKind) String() string {
	switch k {
	case AssumedNone:
		return "assumed none"
	case FromBlocks:
		return "reference blocks"
	case FromLive:
		return "live windows"
	case BorrowedLive:
		return "borrowed"
	case LearningLive:
		return "learning"
	}
	return fmt.Sprintf("dependence(%d)", uint8(k))
}

// MinLiveWindows is how many non-overlapping live windows make a design effect.
const MinLiveWindows = 8

// minBlocks: two blocks give the first covariance, three the first unbiased trace.
const minBlocks = 3

// fewBlocks: below this J tr(D²) is estimated without its upward bias, from it on by
// the plain, conservative form.
const fewBlocks = 20

// freedom times J − 1 are the second degrees of freedom of the verdict's F law. S is an
// estimate with J − 1 of them in each of ν directions. J − 1 for all together takes the
// directions as one: at 0.1 % it fires on no window without drift in ten thousand, and sees
// a quarter of what it could. ν·(J − 1), the form of surveys†, takes them as known and
// fires several times too often. 1.5 keeps the rate at what is asked for, measured by
// BenchmarkWindowTest.
const freedom = 1.5

// Dependence is what is known about how records of one feature hang together. The
// zero value assumes independence. Make others with the constructors; it is
// immutable and may be shared.
type Dependence struct {
	kind DependenceKind
	both bool // what was learnt from live windows holds of the reference too
	j    uint64
	bins int
	p    []float64 // pooled shares of the blocks
	s    []float64 // per-record long-run covariance of the bin indicators, B×B
}

// Kind returns where the design effect comes from.
func (d Dependence) Kind() DependenceKind { return d.kind }

// Blocks returns J, the number of blocks or live windows behind it; 0 for none.
func (d Dependence) Blocks() uint64 { return d.j }

// Independent assumes independent records.
func Independent() Dependence { return Dependence{} }

// LearningDependence stands for fewer live windows than a covariance needs.
func LearningDependence() Dependence { return Dependence{kind: LearningLive} }

// FromReferenceBlocks takes the covariance from a reference's blocks of the
// window's length, on the verdict bins of that reference. Rao & Scott 1981, 1984†:
//
//	S = J/(J−1) · Σ_t e_t e_tᵀ / Σ_t N_t,   e_t = k_t − N_t·p,  p = Σk_t/ΣN_t
//
// The sums are taken in whole numbers; each entry is rounded once.
//
// Errors: ErrEmpty for fewer than three blocks; the caller then says
// `blocks: none` and uses Independent or live windows.
func FromReferenceBlocks(b *sketches.BlockSums) (Dependence, error) {
	return fromSums(b, FromBlocks)
}

// FromLiveWindows takes the window side's covariance from non-overlapping live
// windows, centred on their own shares, so that a shift does not count as noise.
// Fewer than 8 give LearningDependence, which knows how many there were.
func FromLiveWindows(b *sketches.BlockSums) Dependence {
	if b.J < MinLiveWindows {
		return Dependence{kind: LearningLive, j: b.J}
	}
	d, err := fromSums(b, FromLive)
	if err != nil {
		return LearningDependence()
	}
	return d
}

// Borrowed marks what a shorter window learnt as used by a longer one.
func (d Dependence) Borrowed() Dependence {
	if d.kind == FromLive {
		d.kind = BorrowedLive
	}
	return d
}

// OnBothSides says that the reference was recorded from the same stream as the windows,
// so that its records hang together as theirs do: V = ω·S as with blocks of the reference,
// where else the reference side counts as independent.
func (d Dependence) OnBothSides() Dependence {
	d.both = d.kind == FromLive || d.kind == BorrowedLive
	return d
}

// sameSides reports whether both sides have the covariance S.
func (d Dependence) sameSides() bool { return d.kind == FromBlocks || d.both }

func fromSums(b *sketches.BlockSums, kind DependenceKind) (Dependence, error) {
	if b.J < minBlocks || b.N.Sign() <= 0 {
		return Dependence{}, fmt.Errorf("%d blocks of %s records, want at least %d: %w", b.J, b.N, minBlocks, ErrEmpty)
	}
	bins := b.Bins()
	d := Dependence{kind: kind, j: b.J, bins: bins, p: make([]float64, bins), s: make([]float64, bins*bins)}
	n, nn := b.N.Big(), b.NN.Big()
	k, nk := make([]*big.Int, bins), make([]*big.Int, bins)
	nf := b.N.Float64()
	for i := range bins {
		k[i], nk[i] = b.K[i].Big(), b.NK[i].Big()
		d.p[i] = b.K[i].Float64() / nf
	}
	// N²·Σ e_i e_j = N²·Σk_i k_j − N(K_i·Σ N k_j + K_j·Σ N k_i) + ΣN²·K_i·K_j
	n3 := new(big.Float).SetInt(new(big.Int).Mul(new(big.Int).Mul(n, n), n))
	cubed, _ := n3.Float64()
	factor := float64(b.J) / float64(b.J-1)
	var x, y big.Int
	for i := range bins {
		for j := i; j < bins; j++ {
			e := new(big.Int).Mul(b.At(i, j).Big(), n)
			e.Sub(e, x.Mul(k[i], nk[j]))
			e.Sub(e, y.Mul(k[j], nk[i]))
			e.Mul(e, n)
			e.Add(e, x.Mul(y.Mul(k[i], k[j]), nn))
			v, _ := new(big.Float).SetInt(e).Float64()
			v = factor * (v / cubed)
			d.s[i*bins+j], d.s[j*bins+i] = v, v
		}
	}
	return d, nil
}

// effect is the design effect on the merged bins of one comparison.
type effect struct {
	d1, a2  float64
	nu, eta float64
	t1      float64 // E[PSI] without drift: tr(D)·ω, or tr(V)
	scale   float64 // T2 = PSI/scale
	few     bool    // tr(D²) by the form for few blocks
}

// traced are the traces of the covariances on the bins of a comparison; what of them does
// not hang on the numbers of values.
type traced struct {
	r, rr  float64 // of the multinomial covariance of the reference's shares
	s, ss  float64 // of S; ss without its bias where blocks are few
	cross  float64 // of both
	usable bool
}

// effectOn computes it. r are the reference's shares on the merged bins, group maps
// verdict bins to merged bins.
func (d Dependence) effectOn(r []float64, group []int, n, m float64) effect {
	return d.finish(d.trace(r, group), len(r), n, m)
}

// trace takes S to the merged bins.
func (d Dependence) trace(r []float64, group []int) (t traced) {
	bins := len(r)
	if d.s == nil || bins < 2 || len(group) != d.bins {
		return t
	}
	t.usable = true
	s := make([]float64, bins*bins)
	p := make([]float64, bins)
	for i, gi := range group {
		p[gi] += d.p[i]
		for j, gj := range group {
			s[gi*bins+gj] += d.s[i*d.bins+j]
		}
	}
	metric := p
	if !d.sameSides() {
		metric = r
		ref := make([]float64, bins*bins) // S_ref = diag(r) − rrᵀ
		for i := range bins {
			for j := range bins {
				ref[i*bins+j] = float64(-r[i] * r[j])
			}
			ref[i*bins+i] += r[i]
		}
		t.r, t.rr = traces(ref, ref, r)
		_, t.cross = traces(ref, s, r)
	}
	t.s, t.ss = traces(s, s, metric)
	if eta := float64(d.j - 1); d.j < fewBlocks {
		t.ss = eta * eta / ((eta - 1) * (eta + 2)) * (t.ss - float64(t.s*t.s)/eta)
	}
	return t
}

// finish puts the numbers of values in, with omega = 1/n + 1/m: V = ω·S where both sides
// are alike, else V = S_ref/n + S/m in the metric of the reference's shares.
func (d Dependence) finish(t traced, bins int, n, m float64) effect {
	b1 := float64(bins - 1)
	omega := 1/n + 1/m
	e := effect{d1: 1, nu: b1, eta: math.Inf(1), t1: b1 * omega, scale: omega}
	if !t.usable {
		return e
	}
	e.eta, e.few = freedom*float64(d.j-1), d.j < fewBlocks
	if d.sameSides() {
		e.finish(t.s*omega, t.ss*omega*omega, b1, omega)
	} else {
		e.finish(t.r/n+t.s/m, t.rr/(n*n)+2*t.cross/(n*m)+t.ss/(m*m), b1, omega)
	}
	return e
}

// finish sets the figures from t1 = tr(V) and t2 = tr(V²), with d1 ≥ 1 and a² ≥ 0
// enforced.
func (e *effect) finish(t1, t2, b1, omega float64) {
	e.d1 = max(1, t1/(b1*omega))
	e.a2 = 0
	if t1 > 0 && t2 > 0 {
		e.a2 = max(0, t2*b1/float64(t1*t1)-1)
	}
	e.t1 = e.d1 * b1 * omega
	e.scale = omega * e.d1 * (1 + e.a2)
	e.nu = b1 / (1 + e.a2)
}

// traces returns Σ_i x_ii/p_i and Σ_ij x_ij·y_ij/(p_i p_j), bins with p_i = 0 skipped.
func traces(x, y, p []float64) (tr, tr2 float64) {
	bins := len(p)
	for i := range bins {
		if p[i] <= 0 {
			continue
		}
		tr += x[i*bins+i] / p[i]
		for j := range bins {
			if p[j] > 0 {
				tr2 += float64(x[i*bins+j]*y[i*bins+j]) / float64(p[i]*p[j])
			}
		}
	}
	return tr, tr2
}

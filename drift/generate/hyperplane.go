package generate

// HyperplaneInputs is the number of inputs of a hyperplane.
const HyperplaneInputs = 10

// Hyperplane draws x from [0, 1]¹⁰ and labels it by the side of a plane through the
// middle, y = 1 iff w·x ≥ ½Σw, with w drawn from [0, 1]¹⁰; the label is flipped with a
// chance. Hulten, Spencer & Domingos 2001†. While Drifting weights are told to, they
// wander after each record: wᵢ += dirᵢ·Magnitude, dirᵢ turning with chance Turn. A
// library tests 0.01 + u ≤ p for flips, so its chance is p − 0.01.
type Hyperplane struct {
	Flip      float64 // 0.05 in use
	Drifting  int     // weights that wander, 0 … 10; 2 in use
	Magnitude float64 // 0.001
	Turn      float64 // 0.1
	Shape     Shape   // of the first Shaped inputs
	Shaped    int     // 0 … 10

	draws  Stream
	turns  Stream
	t      uint64
	weight [HyperplaneInputs]float64
	dir    [HyperplaneInputs]float64
}

// NewHyperplane draws the weights; no weight wanders until Drifting is set.
func NewHyperplane(seed, stream uint64) *Hyperplane {
	h := &Hyperplane{Flip: 0.05, Magnitude: 0.001, Turn: 0.1, draws: New(seed, stream), turns: New(mix(seed), stream)}
	for i := range h.weight {
		h.weight[i] = h.turns.Uniform(uint64(i))
		h.dir[i] = 1
	}
	return h
}

// Next writes the inputs of the next record into x, which holds HyperplaneInputs, and
// returns the label. Records are numbered from 0 in the order of the calls.
func (h *Hyperplane) Next(x []float64) int {
	var dot, half float64
	const draws = HyperplaneInputs + 1
	for i := range h.weight {
		x[i] = h.draws.Uniform(draws*h.t + uint64(i))
		if i < h.Shaped {
			x[i] = h.Shape.At(x[i])
		}
		dot += float64(h.weight[i] * x[i])
		half += h.weight[i] / 2
	}
	y := flip(dot >= half, h.draws.Uniform(draws*h.t+HyperplaneInputs) < h.Flip)
	h.t++
	for i := range min(h.Drifting, HyperplaneInputs) {
		h.weight[i] += float64(h.dir[i] * h.Magnitude)
		// The weights took the first draws of this stream.
		if h.turns.Uniform(HyperplaneInputs*h.t+uint64(i)) < h.Turn {
			h.dir[i] = -h.dir[i]
		}
	}
	return y
}

// Weights returns a copy of the weights as they stand.
func (h *Hyperplane) Weights() [HyperplaneInputs]float64 { return h.weight }

// Skip goes on at record t, as if the weights had not wandered in between: rows apart
// from those before, of the concept as it stands.
func (h *Hyperplane) Skip(t uint64) { h.t = t }

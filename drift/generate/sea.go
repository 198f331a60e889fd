package generate

// SEAInputs is the number of inputs of SEA.
const SEAInputs = 3

// SEA draws three inputs from [0, 10], of which the third says nothing:
// y = 1 iff x₁ + x₂ > Theta, and the label is flipped with a chance. Street & Kim
// 2001† write ≤, which swaps the labels. Theta is 8, 9, 7 or 9.5 in the original.
type SEA struct {
	Stream Stream
	Theta  float64
	Flip   float64 // chance, 0.1 in the original
	Shape  Shape   // of x₁ and x₂
}

// At writes the inputs of record t into x, which holds three, and returns the label.
func (g SEA) At(t uint64, x []float64) int {
	u := func(j uint64) float64 { return g.Stream.Uniform(4*t + j) }
	x[0], x[1], x[2] = 10*g.Shape.At(u(0)), 10*g.Shape.At(u(1)), 10*u(2)
	return flip(x[0]+x[1] > g.Theta, u(3) < g.Flip)
}

func flip(y, other bool) int {
	if y != other {
		return 1
	}
	return 0
}

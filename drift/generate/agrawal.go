package generate

import "math"

// Inputs of AGRAWAL, in their order.
const (
	Salary = iota
	Commission
	Age
	Education // elevel, 0 … 4
	Car       // 1 of 20
	Zip       // zipcode, 0 … 8
	HouseValue
	HouseYears
	Loan
	AgrawalInputs // their number
)

// Agrawal draws people who ask for a loan; the label says whether they are of group A
// by one of ten functions, numbered from 0. Agrawal, Imielinski & Swami 1993†.
//
// Libraries differ: some swap the coding of functions 6 to 9, test > 1, use salary for
// loan in parts of function 4, or draw commission up to 85 000. All ranges are closed.
//
// Where numbers are perturbed a label follows from what they were, so that a drift of
// the inputs moves P(y given x) a little too. With flipped labels in place of it the
// concept stays fixed exactly.
type Agrawal struct {
	Stream   Stream
	Function int     // 0 … 9
	Perturb  float64 // share of its range by which a number is off, after labelling
	Flip     float64 // chance that the label is flipped; 0 in the original
	Shape    Shape   // of salary, age, years of the house and loan
}

// agrawalDraws is the number of draws set aside for a record.
const agrawalDraws = 16

// At writes the inputs of record t into x, which holds AgrawalInputs, and returns the
// label. It panics for a function that is not there.
func (g Agrawal) At(t uint64, x []float64) int {
	u := func(j uint64) float64 { return g.Stream.Uniform(agrawalDraws*t + j) }
	x[Salary] = between(20e3, 150e3, g.Shape.At(u(0)))
	x[Commission] = 0
	if x[Salary] < 75e3 {
		x[Commission] = between(10e3, 75e3, u(1))
	}
	x[Age] = whole(20, 80, g.Shape.At(u(2)))
	x[Education] = whole(0, 4, u(3))
	x[Car] = whole(0, 19, u(4))
	x[Zip] = whole(0, 8, u(5))
	worth := (9 - x[Zip]) * 100e3
	x[HouseValue] = worth * between(0.5, 1.5, u(6))
	x[HouseYears] = whole(1, 30, g.Shape.At(u(7)))
	x[Loan] = between(0, 500e3, g.Shape.At(u(8)))
	y := flip(groupA(g.Function, x), g.Flip > 0 && u(15) < g.Flip)
	if g.Perturb > 0 {
		off := func(j int, low, high float64, draw uint64) {
			moved := x[j] + float64((high-low)*g.Perturb)*(2*u(draw)-1)
			x[j] = min(max(moved, low), high)
		}
		off(Salary, 20e3, 150e3, 9)
		if x[Commission] > 0 {
			off(Commission, 10e3, 75e3, 10)
		}
		off(Age, 20, 80, 11)
		off(HouseValue, 0.5*worth, 1.5*worth, 12)
		off(HouseYears, 1, 30, 13)
		off(Loan, 0, 500e3, 14)
	}
	return y
}

// bands are what a function asks for under 40, from 40 to below 60, and from 60.
type bands [3][2]float64

var (
	salaryBands = bands{{50e3, 100e3}, {75e3, 125e3}, {25e3, 75e3}}
	// function 3, by whether education is inside the set of function 2.
	inside  = bands{{25e3, 75e3}, {50e3, 100e3}, {50e3, 100e3}}
	outside = bands{{50e3, 100e3}, {75e3, 125e3}, {25e3, 75e3}}
	// function 4, by whether the salary is inside the range of function 1.
	loanInside  = bands{{100e3, 300e3}, {200e3, 400e3}, {300e3, 500e3}}
	loanOutside = bands{{200e3, 400e3}, {300e3, 500e3}, {100e3, 300e3}}
	education   = bands{{0, 1}, {1, 3}, {2, 4}}
)

func within(x float64, r [2]float64) bool { return x >= r[0] && x <= r[1] }

// groupA is the label before anything is perturbed.
func groupA(function int, x []float64) bool {
	band := 2
	switch {
	case x[Age] < 40:
		band = 0
	case x[Age] < 60:
		band = 1
	}
	income := 2 * (x[Salary] + x[Commission]) / 3
	switch function {
	case 0:
		return band != 1
	case 1:
		return within(x[Salary], salaryBands[band])
	case 2:
		return within(x[Education], education[band])
	case 3:
		if within(x[Education], education[band]) {
			return within(x[Salary], inside[band])
		}
		return within(x[Salary], outside[band])
	case 4:
		if within(x[Salary], salaryBands[band]) {
			return within(x[Loan], loanInside[band])
		}
		return within(x[Loan], loanOutside[band])
	case 5:
		return within(x[Salary]+x[Commission], salaryBands[band])
	case 6:
		return income-x[Loan]/5-20e3 > 0
	case 7:
		return income-float64(5e3*x[Education])-20e3 > 0
	case 8:
		return income-float64(5e3*x[Education])-x[Loan]/5-10e3 > 0
	case 9:
		equity := x[HouseValue] * math.Max(x[HouseYears]-20, 0) / 10
		return income-float64(5e3*x[Education])+equity/5-10e3 > 0
	}
	panic("generate: AGRAWAL has functions 0 to 9")
}

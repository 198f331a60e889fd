package sequential

// PageHinkley is the detector of River under that name, for one direction: up. It is
// here to be compared with. Set the fields before the first Update; NewPageHinkley sets
// that library's defaults.
//
//	mean += (x − mean)/c,   S = max(0, Alpha·S + x − mean − Delta),   c = 1, 2, …
//
// It alarms when c, counted on, is at least MinRows and S at least Lambda, and starts
// afresh on the update after an alarm.
type PageHinkley struct {
	Delta, Lambda, Alpha float64
	MinRows              int

	c         int
	mean, sum float64
	alarmed   bool
}

// NewPageHinkley returns δ 0.005, λ 50, α 0.9999 and 30 records to begin with.
func NewPageHinkley() *PageHinkley {
	return &PageHinkley{Delta: 0.005, Lambda: 50, Alpha: 1 - 0.0001, MinRows: 30}
}

// Update takes the next value and reports an alarm.
func (p *PageHinkley) Update(x float64) bool {
	if p.alarmed {
		p.c, p.mean, p.sum = 0, 0, 0
	}
	p.c++
	p.mean += (x - p.mean) / float64(p.c)
	p.sum = max(0, float64(p.Alpha*p.sum)+(x-p.mean-p.Delta))
	p.alarmed = p.c+1 >= p.MinRows && p.sum >= p.Lambda
	return p.alarmed
}

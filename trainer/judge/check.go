package judge

// Outcome of one check, and of a decision.
type Outcome string

// The outcomes.
const (
	Pass      Outcome = "pass"
	Fail      Outcome = "fail"
	Undecided Outcome = "undecided" // the data cannot tell
	Skipped   Outcome = "skipped"   // does not apply, for the reason given
)

// Check is one question of the gate with its numbers; those that do not exist are nil.
type Check struct {
	Name     string   `json:"name"`
	Value    *float64 `json:"value"`
	Limit    *float64 `json:"limit"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Support  int      `json:"support"` // rows behind the value
	Outcome  Outcome  `json:"outcome"`
	Reason   string   `json:"reason,omitempty"`
	Advisory bool     `json:"advisory,omitempty"` // reported, does not decide
}

// blocks tells whether the check alone keeps a challenger from being promoted.
func (c Check) blocks() bool {
	return !c.Advisory && c.Outcome != Pass && c.Outcome != Skipped
}

func some(x float64) *float64 { return &x }

// atLeast passes a value that reaches the limit, below it the outcome is otherwise.
func atLeast(name string, value, limit float64, support int, otherwise Outcome, reason string) Check {
	c := Check{Name: name, Value: some(value), Limit: some(limit), Support: support, Outcome: Pass}
	if value < limit {
		c.Outcome, c.Reason = otherwise, reason
	}
	return c
}

// overall joins checks: one that blocks by failing makes the whole fail, else one that
// is undecided makes it undecided. Nothing passed at all is undecided.
func overall(checks []Check) Outcome {
	passed, undecided := false, false
	for _, c := range checks {
		switch {
		case c.blocks() && c.Outcome != Undecided:
			return Fail
		case c.blocks():
			undecided = true
		case !c.Advisory && c.Outcome == Pass:
			passed = true
		}
	}
	if undecided || !passed {
		return Undecided
	}
	return Pass
}

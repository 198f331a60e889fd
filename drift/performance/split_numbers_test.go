package performance

import (
	"errors"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// forecasts draws rows whose error has a spread that grows with the prediction.
func forecasts(d *draws, n int, low, high, more float64) (out []Forecast) {
	for range n {
		x := low + (high-low)*d.u()
		out = append(out, Forecast{10 * x, 10*x + (0.1+x+more)*d.normal(), true})
	}
	return out
}

func TestNumberSplit_ReadsAFallOnBothSides(t *testing.T) {
	t.Parallel()
	d := newDraws(71, 1)
	base := forecasts(d, 4000, 0, 1, 0)
	var p, y []float64
	for _, r := range base {
		p, y = append(p, r.Predicted), append(y, r.Outcome)
	}
	g, err := NumberGrid(p, y)
	if err != nil {
		t.Fatal(err)
	}
	reference := numbers(t, g, base...)
	e, err := LearnErrors([]*Numbers{reference}, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	opt := DefaultSplit()
	opt.Margin = DefaultErrorMargin
	for _, tt := range []struct {
		name   string
		cohort []Forecast
		want   Reading
		words  string
	}{
		{"as before", forecasts(d, 2000, 0, 1, 0), Harmless, "Harmless"},
		{"inputs where the model is weak", forecasts(d, 2000, 0.7, 1, 0), Covariate, "Covariate drift"},
		{"inputs where the model is strong", forecasts(d, 2000, 0, 0.3, 0), Harmless, "Harmless"},
		{"larger errors everywhere", forecasts(d, 2000, 0, 1, 0.4), Concept, "Concept drift"},
		{"larger errors, where the model was strong", forecasts(d, 2000, 0, 0.3, 0.1), Recalibrate, "Calibration drift"},
		{"few rows", forecasts(d, 20, 0, 1, 0), Unread, "20 labelled rows in the cohort, at least 50"},
		{"none", nil, Unread, "0 labelled rows"},
	} {
		s, err := e.Split(numbers(t, g, tt.cohort...), reference, opt)
		if err != nil {
			t.Fatal(err)
		}
		if s.Reading != tt.want || !strings.Contains(s.Words, tt.words) {
			t.Errorf("%s: %s, want %s: %s", tt.name, s.Reading, tt.want, s.Words)
		}
	}
	if s, err := e.Split(reference, numbers(t, g), opt); err != nil || s.Reading != Unread {
		t.Errorf("without a reference: %v, %v", s.Reading, err)
	}
	if _, err := e.Split(smallNumbers(t), reference, opt); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("another grid: %v", err)
	}
	if _, err := e.Split(reference, reference, SplitOptions{}); !errors.Is(err, ErrBadInput) {
		t.Errorf("no options: %v", err)
	}
}

// TestDesignEffect_OfErrors: days whose errors share a factor weigh less than their rows.
func TestDesignEffect_OfErrors(t *testing.T) {
	t.Parallel()
	d := newDraws(73, 1)
	base := forecasts(d, 4000, 0, 1, 0)
	var p, y []float64
	for _, r := range base {
		p, y = append(p, r.Predicted), append(y, r.Outcome)
	}
	g, err := NumberGrid(p, y)
	if err != nil {
		t.Fatal(err)
	}
	e, err := LearnErrors([]*Numbers{numbers(t, g, base...)}, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	var alone, together []*Numbers
	for range 40 {
		alone = append(alone, numbers(t, g, forecasts(d, 200, 0, 1, 0)...))
		together = append(together, numbers(t, g, forecasts(d, 200, 0, 1, 0.3*d.u())...))
	}
	if x := e.DesignEffect(alone); x > 1.8 {
		t.Errorf("independent rows: %.2f, want about 1", x)
	}
	if x := e.DesignEffect(together); x < 3 {
		t.Errorf("days that hang together: %.2f, want far above 1", x)
	}
	if x := e.DesignEffect(nil); x != 1 {
		t.Errorf("no days: %v", x)
	}
}

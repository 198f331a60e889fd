package performance

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// TestSplit_ReadsWhatHappened draws worlds whose change is known.
func TestSplit_ReadsWhatHappened(t *testing.T) {
	t.Parallel()
	const runs, seed = 60, 71
	for _, tt := range []struct {
		name  string
		world world // of the cohort; that learnt from is {1, 0, 0.5}
		rows  int
		want  Reading
		words string
	}{
		{"nothing", world{tilt: 1, scale: 0.5}, 2000, Harmless, "Harmless"},
		{"labels turn round", world{tilt: 1, scale: -0.3}, 1000, Concept, "Concept drift: of the fall"},
		{"labels come loose from the scores", world{tilt: 1, scale: 0.1}, 4000, Concept, "labels follow from the inputs otherwise"},
		{"labels follow the scores more closely", world{tilt: 1, scale: 1.5}, 4000, Recalibrate, "fit the calibration again"},
	} {
		right := 0
		for run := range runs {
			d := newDraws(seed, uint64(run))
			reference := world{d, 1, 0, 0.5}.cohort(t, 8000)
			e := learn(t, reference)
			w := tt.world
			w.d = d
			s, err := e.Split(w.cohort(t, tt.rows), reference, DefaultSplit())
			if err != nil {
				t.Fatal(err)
			}
			if s.Reading == tt.want {
				right++
				if !strings.Contains(s.Words, tt.words) {
					t.Errorf("%s: %q does not say %q", tt.name, s.Words, tt.words)
				}
			}
		}
		if right < 58 {
			t.Errorf("%s: seed %d: read as %v in %d of %d runs", tt.name, seed, tt.want, right, runs)
		}
	}
}

// TestSplit_InputsMoveToWhereTheModelIsWeak: scores gather around the middle, labels
// follow from them as before.
func TestSplit_InputsMoveToWhereTheModelIsWeak(t *testing.T) {
	t.Parallel()
	const runs, seed = 60, 72
	right := 0
	for run := range runs {
		d := newDraws(seed, uint64(run))
		w := world{d, 1, 0, 1}
		reference := w.cohort(t, 8000)
		weak := outcomes(t, twoClasses)
		for range 3000 {
			s := 0.5 + 0.3*(d.u()-0.5)
			weak.Add(binaryRow(s, d.u() < s))
		}
		s, err := learn(t, reference).Split(weak, reference, DefaultSplit())
		if err != nil {
			t.Fatal(err)
		}
		if s.Reading == Covariate && strings.Contains(s.Words, "the inputs moved to where the model is weak") && s.FallZ < -2.3 {
			right++
		}
	}
	if right < 58 {
		t.Errorf("seed %d: read as covariate drift in %d of %d runs", seed, right, runs)
	}
}

// TestSplit_AMarginKeepsSmallErrorsOfTheEstimateQuiet is M5: with very many rows every
// difference is significant; one below the margin is still no drift, and without a
// margin it would be.
func TestSplit_AMarginKeepsSmallErrorsOfTheEstimateQuiet(t *testing.T) {
	t.Parallel()
	d := newDraws(73, 0)
	reference := world{d, 1, 0, 1}.cohort(t, 200000)
	e := learn(t, reference)
	cohort := world{d, 1, 0, 0.95}.cohort(t, 200000) // accuracy lower by about half a point
	s, err := e.Split(cohort, reference, DefaultSplit())
	if err != nil {
		t.Fatal(err)
	}
	opt := DefaultSplit()
	opt.Margin = 0
	bare, err := e.Split(cohort, reference, opt)
	if err != nil {
		t.Fatal(err)
	}
	if s.Reading != Harmless || s.Z > -3 || bare.Reading != Concept {
		t.Errorf("Z = %.1f: read as %v, and as %v without a margin; want harmless and concept drift", s.Z, s.Reading, bare.Reading)
	}
}

func TestSplit_NotAvailableAndBadInput(t *testing.T) {
	t.Parallel()
	d := newDraws(74, 0)
	good := world{d, 1, 0, 1}.cohort(t, 500)
	e := learn(t, good)
	few := world{d, 1, 0, 1}.cohort(t, 49)
	s, err := e.Split(few, good, DefaultSplit())
	if err != nil || s.Reading != Unread || s.Words != "not available: 49 labelled rows with a score in the cohort, at least 50 are needed" {
		t.Errorf("few rows: %v %q %v", s.Reading, s.Words, err)
	}
	s, err = e.Split(good, outcomes(t, twoClasses), DefaultSplit())
	if err != nil || s.Reading != Unread || s.Words != "not available: the reference holds no labelled rows with a score" {
		t.Errorf("no reference: %v %q %v", s.Reading, s.Words, err)
	}
	for _, bad := range []SplitOptions{{}, {Alpha: 0.5}, {Alpha: 0.01, Margin: -1}, {Alpha: 0.01, Margin: math.NaN()}, {Alpha: 0.01, Design: 0.3}} {
		if _, err := e.Split(good, good, bad); !errors.Is(err, ErrBadInput) {
			t.Errorf("options %+v: %v", bad, err)
		}
	}
	if _, err := e.Split(outcomes(t, threeClasses), good, DefaultSplit()); err == nil {
		t.Error("a cohort of other classes is read")
	}
	opt := DefaultSplit()
	opt.Design = 9
	wide, err := e.Split(good, good, opt)
	if err != nil || wide.Realised.High-wide.Realised.Low < 0.1 {
		t.Errorf("a design effect of 9 leaves the interval %v (%v)", wide.Realised, err)
	}
}

// TestEstimator_DesignEffect: days that hang together show in it, others do not.
func TestEstimator_DesignEffect(t *testing.T) {
	t.Parallel()
	d := newDraws(75, 0)
	e := learn(t, world{d, 1, 0, 1}.cohort(t, 20000))
	days := func(spread float64) (out []*Outcomes) {
		for range 60 {
			out = append(out, world{d, 1, 0, 1 + spread*d.normal()}.cohort(t, 400))
		}
		return out
	}
	if free, tied := e.DesignEffect(days(0)), e.DesignEffect(days(0.6)); free > 1.6 || tied < 2 {
		t.Errorf("design effect %.2f of independent rows, %.2f of days that differ", free, tied)
	}
	if got := e.DesignEffect(nil); got != 1 {
		t.Errorf("without days %g", got)
	}
}

func TestReading_Words(t *testing.T) {
	t.Parallel()
	for _, r := range []Reading{Unread, Harmless, Covariate, Concept, Recalibrate} {
		b, err := json.Marshal(r)
		var back Reading
		if err = errors.Join(err, json.Unmarshal(b, &back)); err != nil || back != r {
			t.Errorf("%v: %s %v %v", r, b, back, err)
		}
	}
	var r Reading
	if err := json.Unmarshal([]byte(`"bad luck"`), &r); err == nil {
		t.Error("any word is read")
	}
}

// A fall that is there, but may be chance, is not called none.
func TestSplit_AFallWithinChanceIsNamed(t *testing.T) {
	t.Parallel()
	s := Split{Reference: 0.934, Realised: Value{Number: 0.795}, margin: 0.01, chance: 0.163}
	n := NumberSplit{Reference: Value{Number: 2}, Realised: Value{Number: 2.5}, margin: 0.1, chance: 0.75}
	for _, r := range []Reading{Harmless, Recalibrate} {
		s.Reading, n.Reading = r, r
		if words := s.sentence(166); strings.Contains(words, "not worse") || !strings.Contains(words, "up to 0.163") {
			t.Errorf("%s: %s", r, words)
		}
		if words := n.sentence(166); strings.Contains(words, "not worse") || !strings.Contains(words, "up to 0.75") {
			t.Errorf("%s, of numbers: %s", r, words)
		}
	}
	s.Realised.Number, s.Reading = 0.93, Harmless
	if words := s.sentence(166); !strings.Contains(words, "not worse") {
		t.Errorf("no fall: %s", words)
	}
}

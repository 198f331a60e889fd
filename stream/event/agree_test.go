package event_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// said is all that a decoder says about a record.
type said struct {
	ev      event.Event
	err     error
	ignored int
	names   []string
}

func ask(d *event.Decoder, text []byte, ev *event.Event) said {
	err := d.Decode(text, ev)
	n, names := d.Ignored()
	return said{ev: *ev, err: err, ignored: n, names: names}
}

// differs tells the first difference between two answers, or "". Shapes are not
// compared: the slow decoder keeps none.
func differs(want, got said) string {
	var a, b *event.Reason
	if errors.As(want.err, &a) != errors.As(got.err, &b) || a != nil && *a != *b {
		return fmt.Sprintf("error %v, want %v", got.err, want.err)
	}
	if a == nil && (want.ignored != got.ignored || !slices.Equal(want.names, got.names)) {
		return fmt.Sprintf("ignored %d %q, want %d %q", got.ignored, got.names, want.ignored, want.names)
	}
	w, g := want.ev, got.ev
	if w.Type != g.Type || w.Model != g.Model || w.Version != g.Version || w.ID != g.ID || w.TimeMS != g.TimeMS || w.HasTime != g.HasTime ||
		w.HasScore != g.HasScore || math.Float64bits(w.Score) != math.Float64bits(g.Score) || w.HasPrediction != g.HasPrediction ||
		w.HasLabel != g.HasLabel || !sameValue(w.Prediction, g.Prediction) || !sameValue(w.Label, g.Label) {
		return fmt.Sprintf("event %+v, want %+v", g, w)
	}
	if !slices.EqualFunc(w.Features, g.Features, func(a, b event.Feature) bool { return a.Name == b.Name && sameValue(a.Value, b.Value) }) {
		return fmt.Sprintf("features %v, want %v", g.Features, w.Features)
	}
	if !slices.Equal(w.Segments, g.Segments) {
		return fmt.Sprintf("segments %v, want %v", g.Segments, w.Segments)
	}
	if g.Shape != nil && !slices.EqualFunc(g.Shape.Names, g.Features, func(n string, f event.Feature) bool { return n == f.Name }) {
		return fmt.Sprintf("shape %q beside features %v", g.Shape.Names, g.Features)
	}
	return ""
}

// sameValue compares all bits: −0 is not 0.
func sameValue(a, b sketches.Value) bool {
	x, _ := a.Float()
	y, _ := b.Float()
	return a == b && math.Signbit(x) == math.Signbit(y)
}

// TestFast_AgreesWithSlow sends events of many producers, and broken ones among them,
// through decoders that learn, and compares every answer with the slow way's.
func TestFast_AgreesWithSlow(t *testing.T) {
	t.Parallel()
	const events = 120_000
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			limits := event.Limits{}
			if seed == 3 {
				limits = event.Limits{Bytes: 300, Depth: 3, Features: 6, Segments: 2, Name: 9}
			}
			hits, accepted, diff := compare(seed, events/4, limits, func(*event.Decoder) {})
			if diff != "" {
				t.Fatal(diff)
			}
			if share := float64(hits) / float64(accepted); share < 0.2 {
				t.Errorf("%d of %d accepted events were read by a template: too few to show anything", hits, accepted)
			}
		})
	}
}

// TestFast_AgreementFindsAMutant shows that the comparison bites.
func TestFast_AgreementFindsAMutant(t *testing.T) {
	t.Parallel()
	_, _, diff := compare(1, 3000, event.Limits{}, (*event.Decoder).Blind)
	if diff == "" {
		t.Error("a decoder that is blind to keys passes")
	}
}

// compare sends n events through one decoder that learns, and returns how many were
// read by a template, how many were accepted, and the first difference from the slow
// way.
func compare(seed uint64, n int, limits event.Limits, mutate func(*event.Decoder)) (hits, accepted int, diff string) {
	r := rand.New(rand.NewPCG(seed, 7))
	fast, slow := event.NewDecoder(limits), event.NewSlowDecoder(limits)
	var got, want event.Event
	services := make([]service, 12)
	for i := range services {
		services[i] = newService(r)
	}
	for i := range n {
		text := services[r.IntN(1+min(i/200, len(services)-1))].event(r)
		if r.IntN(5) == 0 {
			text = broken(r, text)
		}
		mutate(fast)
		w := ask(slow, text, &want)
		if d := differs(w, ask(fast, text, &got)); d != "" {
			return 0, 0, fmt.Sprintf("seed %d, event %d, %q: %s", seed, i, text, d)
		}
		if w.err == nil {
			accepted++
		}
		if r.IntN(400) == 0 {
			services[r.IntN(len(services))] = newService(r)
		}
	}
	_, hits = fast.Templates()
	return hits, accepted, ""
}

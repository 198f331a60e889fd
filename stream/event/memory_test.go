package event_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/event"
)

// models writes events of n models with five features of their own each, as
// predictions and as feature events in turn.
func models(r *rand.Rand, n int) func() []byte {
	return func() []byte {
		m := r.IntN(n)
		var features []string
		for i := range 5 {
			features = append(features, fmt.Sprintf(`"m%d_f%d":%.3f`, m, i, r.NormFloat64()))
		}
		if r.IntN(2) == 0 {
			return fmt.Appendf(nil, `{"id":"%08x","type":"feature","model":"model_%d","features":{%s}}`, r.Uint32(), m, strings.Join(features, ","))
		}
		return fmt.Appendf(nil, `{"ts":%d,"model":"model_%d","score":%.4f,"features":{%s}}`, int64(jan2)+r.Int64N(1e6), m, r.Float64(), strings.Join(features, ","))
	}
}

func TestFast_ManyModelsInOnePartitionStayFast(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 30, 100} {
		next := models(rand.New(rand.NewPCG(3, uint64(n))), n)
		d := event.NewDecoder(event.Limits{})
		var ev event.Event
		const warm, events = 3000, 3000
		before := 0
		for i := range warm + events {
			if i == warm {
				_, before = d.Templates()
			}
			if err := d.Decode(next(), &ev); err != nil {
				t.Fatal(err)
			}
		}
		held, hits := d.Templates()
		if hits-before < events*98/100 || held != 2*n {
			t.Errorf("%d models: %d of %d events read by one of %d templates, want nearly all by %d", n, hits-before, events, held, 2*n)
		}
	}
}

func TestFast_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	d := event.NewDecoder(event.Limits{})
	var ev event.Event
	for i := range 20_000 { // no two alike
		text := fmt.Appendf(nil, `{"model":"m","features":{"f%d":1,"g":2}}`, i)
		if err := d.Decode(text, &ev); err != nil {
			t.Fatal(err)
		}
	}
	if held, _ := d.Templates(); held > 256 {
		t.Errorf("%d templates are held, want at most 256", held)
	}
	if shapes := d.Shapes(); shapes > 256 {
		t.Errorf("%d shapes are held, want at most 256", shapes)
	}
	wide := func(i int) []byte {
		return []byte(fmt.Sprintf(`{"model":"m%d","features":{`, i) + many(2000, func(k int) string { return fmt.Sprintf(`"w%d_%d":0`, i, k) }) + `}}`)
	}
	for i := range 40 {
		if err := d.Decode(wide(i), &ev); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Literals(); n > 1<<14 {
		t.Errorf("%d literals are held, want at most %d", n, 1<<14)
	}
}

func TestFast_OneShapePerListOfNames(t *testing.T) {
	t.Parallel()
	d := event.NewDecoder(event.Limits{})
	shape := func(text string) *event.Shape {
		t.Helper()
		var ev event.Event
		if err := d.Decode([]byte(text), &ev); err != nil {
			t.Fatal(err)
		}
		return ev.Shape
	}
	first := shape(`{"model":"m","features":{"a":1,"b":2}}`)
	for _, text := range []string{
		`{"model":"m","features":{"a":3,"b":4}}`,
		`{"model": "m", "features": {"a": 3, "b": 4}}`,
		`{"features":{"a":null,"b":"x"},"model":"other"}`,
		`{"model":"m","features":{"\u0061":{},"b":4},"extra":[1]}`,
	} {
		if got := shape(text); got != first {
			t.Errorf("%s has shape %p, want %p as before", text, got, first)
		}
	}
	for _, text := range []string{`{"model":"m","features":{"b":1,"a":2}}`, `{"model":"m","features":{"a":1}}`, `{"model":"m","features":{"a":1,"b":2,"c":3}}`} {
		if got := shape(text); got == first || got == nil {
			t.Errorf("%s has shape %p, want another one than %p", text, got, first)
		}
	}
	if got := shape(`{"model":"m","score":1}`); got != nil {
		t.Errorf("an event without features has the shape %v", got)
	}
}

func TestFast_AllocatesNothing(t *testing.T) {
	for _, p := range producers {
		texts := p.events(seeded(), 64)
		d := event.NewDecoder(event.Limits{})
		var ev event.Event
		read := func() {
			for _, text := range texts {
				if err := d.Decode(text, &ev); err != nil {
					t.Fatal(err)
				}
			}
		}
		read()
		if n := testing.AllocsPerRun(20, read); n != 0 {
			t.Errorf("%s: %v allocations for %d events, want none", p.name, n, len(texts))
		}
	}
}

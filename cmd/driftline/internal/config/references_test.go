package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/stream/wire"
)

func TestReferences_NamesEveryFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string // beginnings of the faults after the place; nil: it is valid
	}{
		{"all three", "policy: {references: [training, trailing, seasonal]}\n", nil},
		{"of one model", "models: [{name: a, policy: {references: [training, seasonal], seasonal: {weeks: 3}}}]\n", nil},
		{"without training", "policy: {references: [trailing]}\n", []string{"policy.references: [trailing]; want training among them"}},
		{"an unknown kind", "policy: {references: [training, weekly]}\n", []string{`policy.references[1]: "weekly"; want training, trailing or seasonal`}},
		{"one twice", "policy: {references: [training, training]}\n", []string{`policy.references[1]: "training" stands twice`}},
		{"too few weeks", "policy: {seasonal: {weeks: 2}}\n", []string{"policy.seasonal.weeks: 2; want 3 to 8"}},
		{"limits the wrong way round", "policy: {trailing: {warn: 0.3}}\n", []string{"policy.trailing.warn: 0.3; want above 0 and at most drifted, 0.2"}},
		{"a gap within the window", "policy: {references: [training, trailing], trailing: {gap: 1d}}\n", []string{"policy.trailing.gap: 24h; want at least the longest window, 7d"}},
		{"the same where longer windows are not judged", "policy: {references: [training, trailing], trailing: {gap: 1d}, windows: [24h]}\n", nil},
		{"no multiple of the slide", "policy: {references: [training, trailing], trailing: {length: 90m}}\n", []string{"policy.trailing.length: 1h30m; want a multiple of stream.resolution × stream.slide, 1h"}},
		{"further back than is kept", "policy: {references: [training, trailing], trailing: {length: 10w}}\n", []string{"policy.references: [training trailing] look back 1849h"}},
		{"a slide that no hour is made of", "stream: {slide: 50, windows: [50m]}\npolicy: {references: [training, seasonal]}\n", []string{"policy.references: seasonal with stream.resolution × stream.slide of 50m"}},
		{"too many steps", "stream: {slide: 10, windows: [10m]}\npolicy: {references: [training, trailing]}\n", []string{"policy.references: [training trailing] need stream.resolution × stream.slide of at least 24m45"}},
		{"not asked for: lengths are not held against the slide", "stream: {slide: 50, windows: [50m]}\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text, Layers{})
			if tt.want == nil {
				if err != nil {
					t.Fatalf("%s: %v", tt.text, err)
				}
				return
			}
			got := faultLines(t, err)
			if len(got) != len(tt.want) {
				t.Fatalf("faults %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("fault %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}

func TestReferences_OnTheWire(t *testing.T) {
	t.Parallel()
	got, err := load(t, "policy: {references: [training, trailing]}\nmodels: [{name: a, policy: {references: [training, seasonal], seasonal: {drifted: 0.4}}}]\n", Layers{})
	if err != nil {
		t.Fatal(err)
	}
	own, other := got.Models[0].Policy.Wire(), got.Policy.Wire()
	if diff := cmp.Diff(&wire.Seasonal{Weeks: 4, Warn: 0.1, Drifted: 0.4}, own.Seasonal); diff != "" || own.Trailing != nil {
		t.Errorf("of the model (-want +got):\n%s; trailing %+v", diff, own.Trailing)
	}
	if diff := cmp.Diff(&wire.Trailing{LengthMS: 28 * 86_400_000, GapMS: 7 * 86_400_000, Warn: 0.1, Drifted: 0.2}, other.Trailing); diff != "" || other.Seasonal != nil {
		t.Errorf("of the others (-want +got):\n%s; seasonal %+v", diff, other.Seasonal)
	}
	if err := other.CheckLayout(got.Layout(0)); err != nil {
		t.Errorf("the defaults do not fit: %v", err)
	}
}

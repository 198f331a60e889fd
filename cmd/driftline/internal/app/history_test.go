package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/stream/wire"
)

// A silence of single features rests on this list: it is whole, or it is not there.
func TestBehind_NamesAllFeaturesOrNone(t *testing.T) {
	t.Parallel()
	f := func(name, verdict string) wire.FeatureScore { return wire.FeatureScore{Name: name, Verdict: verdict} }
	top := []wire.FeatureScore{f("a", "drifted"), f("month", "drifted"), f("b", "stable"), f("c", "drifted")}
	tests := []struct {
		name    string
		data    wire.EventData
		ignored []string
		want    []string
	}{
		{"drift, without what is ignored", wire.EventData{Kind: "drift", Drifted: 2, Top: top}, []string{"month"}, []string{"a", "c"}},
		{"drift of more features than are named", wire.EventData{Kind: "drift", Drifted: 4, Top: top}, nil, nil},
		{"drift under settings that have changed since", wire.EventData{Kind: "drift", Drifted: 2, Top: top}, nil, nil},
		{"bad data, whatever the verdict", wire.EventData{Kind: "quality", Drifted: 2, Top: []wire.FeatureScore{f("a", "stable"), f("b", "insufficient")}}, nil, []string{"a", "b"}},
		{"performance", wire.EventData{Kind: "performance", Top: top}, nil, nil},
		{"answers, whatever features are left out", wire.EventData{Kind: wire.KindOfPrediction, Drifted: 1, Top: []wire.FeatureScore{f("score", "drifted"), f("prediction", "stable")}}, []string{"score"}, []string{"score"}},
		{"nothing any more", wire.EventData{Kind: "drift", Top: top[2:3]}, nil, []string{}},
	}
	for _, tt := range tests {
		if d := cmp.Diff(tt.want, behind(tt.data, tt.ignored)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// Scores and alarms of what one version answers are stored as such.
func TestHistory_KeepsAlarmsOfPredictions(t *testing.T) {
	t.Parallel()
	s := wire.Score{Model: "m", Version: "3", Reference: "r", WindowMS: 1000, State: wire.StateEmpty, Alarms: []wire.AlarmAt{{Kind: wire.KindOfPrediction, Phase: "pending"}}}
	if r := scoreRow(s); r.AlarmPhase != "pending" || r.Version != "3" {
		t.Errorf("row of the score: %+v", r)
	}
	e := wire.NewEvent("ns", wire.EventType(wire.KindOfPrediction, "detected"), "id", "warning", 5, wire.EventData{Model: "m", Version: "3", Kind: wire.KindOfPrediction, Episode: "e", Phase: "firing"})
	if r := eventRow(e); r.Episode != "e" || r.Kind != wire.KindOfPrediction || r.Version != "3" {
		t.Errorf("row of the event: %+v", r)
	}
}

// Scores and alarms of parts of the traffic are stored as such: a score without the column
// would pass for one of all of the traffic.
func TestHistory_KeepsWhichPartOfTheTrafficIsMeant(t *testing.T) {
	t.Parallel()
	for _, segment := range []string{"", "region=eu", `a=<b>"'=/`} {
		s := wire.Score{Model: "m", Version: "*", Reference: "r", WindowMS: 1000, Segment: segment, ReferenceKind: "training", Alarms: []wire.AlarmAt{{Kind: "drift", Phase: "firing"}}}
		if r := scoreRow(s); r.Segment != segment || r.Moving || r.AlarmPhase != "firing" {
			t.Errorf("row of the score of %q: %+v", segment, r)
		}
		e := wire.NewEvent("ns", wire.EventType("drift", "detected"), "id", "warning", 5, wire.EventData{Model: "m", Kind: "drift", Episode: "e", Segment: segment})
		if r := eventRow(e); r.Segment != segment || r.Episode != "e" || r.Kind != "drift" {
			t.Errorf("row of the event of %q: %+v", segment, r)
		}
		now := s
		now.Rows = 7
		if c := change(s, now); c.Segment != segment || c.RowsNow != 7 {
			t.Errorf("change of %q: %+v", segment, c)
		}
	}
}

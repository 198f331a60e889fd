package event_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

func TestEncode_Golden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		ev   event.Event
		want string
	}{
		{"a tick", event.Event{Type: event.TypeTick}, `{"type":"tick"}`},
		{
			"a prediction, keys in fixed order and members by name",
			event.Event{
				Type: event.TypePrediction, Model: "m", Version: "3", ID: "b7c1", TimeMS: jan2, HasTime: true,
				Features: []event.Feature{
					{Name: "z", Value: sketches.Number(1e21)}, {Name: "a", Value: sketches.String("tech \"\\\n<é>")},
					{Name: "k", Value: sketches.Null()}, {Name: "b", Value: sketches.Bool(true)}, {Name: "c", Value: sketches.Wrong()},
					{Name: "d", Value: sketches.Number(math.Copysign(0, -1))}, {Name: "e", Value: sketches.Number(-1e-7)},
				},
				Score: 0.1, HasScore: true, Prediction: sketches.String("yes"), HasPrediction: true,
				Segments: []event.Segment{{Name: "region", Value: "us"}, {Name: "plan", Value: "7"}},
			},
			`{"type":"prediction","model":"m","version":"3","id":"b7c1","ts":"2026-01-02T03:04:05.678Z",` +
				`"features":{"a":"tech \"\\\u000a<é>","b":true,"c":[],"d":-0,"e":-1e-07,"k":null,"z":1e+21},` +
				`"score":0.1,"prediction":"yes","segments":{"plan":"7","region":"us"}}`,
		},
		{
			"a label before 1970",
			event.Event{Type: event.TypeLabel, Model: "m", ID: "1", TimeMS: -1, HasTime: true, Label: sketches.Bool(false), HasLabel: true},
			`{"type":"label","model":"m","id":"1","ts":"1969-12-31T23:59:59.999Z","label":false}`,
		},
		{
			"numbers that JSON cannot say",
			event.Event{
				Type: event.TypeFeature, Model: "m", Score: math.Inf(1), HasScore: true, Label: sketches.Number(math.NaN()), HasLabel: true,
				Features: []event.Feature{{Name: "a", Value: sketches.Number(math.NaN())}, {Name: "b", Value: sketches.Number(math.Inf(-1))}},
			},
			`{"type":"feature","model":"m","features":{"a":null,"b":null}}`,
		},
		{
			"a time beyond RFC 3339", event.Event{Type: event.TypeTick, TimeMS: math.MaxInt64, HasTime: true},
			`{"type":"tick","ts":9223372036854775807}`,
		},
		{"text that is no UTF-8", event.Event{Type: event.TypeTick, Model: "a\xffb"}, `{"type":"tick","model":"a` + "\ufffd" + `b"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := string(event.Encode(tt.ev))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Encode differs (-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("Encode gave no JSON: %s", got)
			}
		})
	}
}

func TestAppend_LeavesWhatStandsBefore(t *testing.T) {
	t.Parallel()
	if got, want := string(event.Append([]byte("{"), event.Event{Type: event.TypeTick})), `{{"type":"tick"}`; got != want {
		t.Errorf("Append = %s, want %s", got, want)
	}
}

func TestAppendFeatures_EmptyIsAnObject(t *testing.T) {
	t.Parallel()
	if got, want := string(event.AppendFeatures([]byte("x"), nil)), "x{}"; got != want {
		t.Errorf("AppendFeatures = %s, want %s", got, want)
	}
}

// anyName draws a name that events may have.
var anyName = rapid.Custom(func(t *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune(`abz09 "\/<>&_*é日😀`)), 1, 12, -1).
		Filter(func(s string) bool { return s != "*" && !strings.HasPrefix(s, "_") }).Draw(t, "name")
})

var anyFloat = rapid.Float64().Filter(func(x float64) bool { return !math.IsInf(x, 0) && !math.IsNaN(x) })

// anyScalar draws a value that is a number, a string or a boolean.
var anyScalar = rapid.OneOf(
	rapid.Map(anyFloat, sketches.Number),
	rapid.Map(rapid.StringN(0, 40, sketches.MaxCategoryBytes), sketches.String),
	rapid.Map(rapid.Bool(), sketches.Bool),
)

// anyEvent draws an event that Decode accepts, members sorted by name.
var anyEvent = rapid.Custom(func(t *rapid.T) event.Event {
	ev := event.Event{
		Type:    event.Type(rapid.IntRange(int(event.TypeFeature), int(event.TypeTick)).Draw(t, "type")),
		Model:   anyName.Draw(t, "model"),
		Version: rapid.OneOf(rapid.Just(""), anyName).Draw(t, "version"),
		ID:      rapid.OneOf(rapid.Just(""), anyName).Draw(t, "id"),
		HasTime: rapid.Bool().Draw(t, "timed"),
	}
	if ev.HasTime {
		ev.TimeMS = rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")
	}
	if ev.HasScore = rapid.Bool().Draw(t, "scored"); ev.HasScore {
		ev.Score = anyFloat.Draw(t, "score")
	}
	if ev.HasPrediction = rapid.Bool().Draw(t, "predicted"); ev.HasPrediction {
		ev.Prediction = anyScalar.Draw(t, "prediction")
	}
	if ev.HasLabel = ev.Type == event.TypeLabel || rapid.Bool().Draw(t, "labelled"); ev.HasLabel {
		ev.Label = anyScalar.Draw(t, "label")
	}
	if ev.Type == event.TypeLabel && ev.ID == "" {
		ev.ID = "1"
	}
	least := 0
	if ev.Type == event.TypeFeature || ev.Type == event.TypePrediction {
		least = 1
	}
	value := rapid.OneOf(anyScalar, rapid.Just(sketches.Null()), rapid.Just(sketches.Wrong()))
	for name, v := range rapid.MapOfN(anyName, value, least, 8).Draw(t, "features") {
		ev.Features = append(ev.Features, event.Feature{Name: name, Value: v})
	}
	for name, v := range rapid.MapOfN(anyName, anyName, 0, 4).Draw(t, "segments") {
		ev.Segments = append(ev.Segments, event.Segment{Name: name, Value: v})
	}
	return ev
})

// byName ignores the order of members, which Encode does not keep.
var byName = []cmp.Option{
	equal, cmpopts.IgnoreFields(event.Event{}, "Shape"),
	cmpopts.SortSlices(func(a, b event.Feature) bool { return a.Name < b.Name }),
	cmpopts.SortSlices(func(a, b event.Segment) bool { return a.Name < b.Name }),
}

func TestEncode_DecodeGivesTheEventBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyEvent.Draw(t, "event")
		text := event.Encode(want)
		got, err := decode(string(text))
		if err != nil {
			t.Fatalf("Decode(%s) = %v", text, err)
		}
		if diff := cmp.Diff(want, got, byName...); diff != "" {
			t.Fatalf("%s reads back differently (-want +got):\n%s", text, diff)
		}
		if again := event.Encode(got); string(again) != string(text) {
			t.Fatalf("the encoding is not canonical: %s then %s", text, again)
		}
	})
}

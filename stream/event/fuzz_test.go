package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// FuzzDecode holds Decode against encoding/json: what Decode accepts, that package
// reads as the same values; what it calls no JSON, that package refuses too. And
// what is accepted survives Encode and Decode.
func FuzzDecode(f *testing.F) {
	for _, tt := range good {
		f.Add([]byte(tt.text))
	}
	for _, tt := range bad {
		if len(tt.text) < 4096 {
			f.Add([]byte(tt.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var ev event.Event
		d := event.NewDecoder(event.Limits{})
		if err := d.Decode(text, &ev); err != nil {
			checkReason(t, text, err)
			return
		}
		checkAgainstJSON(t, text, ev)
		canonical := event.Encode(ev)
		again, err := decode(string(canonical))
		if err != nil {
			t.Fatalf("Decode(%q) is accepted, but not after Encode as %q: %v", text, canonical, err)
		}
		if second := event.Encode(again); !bytes.Equal(canonical, second) {
			t.Fatalf("Encode of %q is not canonical: %q then %q", text, canonical, second)
		}
	})
}

// checkReason holds a refusal against what encoding/json makes of the text.
func checkReason(t *testing.T, text []byte, err error) {
	t.Helper()
	var reason *event.Reason
	if !errors.As(err, &reason) {
		t.Fatalf("Decode(%q) = %T, want a *Reason", text, err)
	}
	if reason.At < 0 || reason.At > len(text) || reason.Detail == "" {
		t.Fatalf("Decode(%q) = %+v, want a detail and a place in the text", text, reason)
	}
	switch valid := json.Valid(text); reason.Code {
	case event.CodeNotJSON, event.CodeEmpty:
		if valid {
			t.Fatalf("Decode(%q) = %v, but it is JSON", text, err)
		}
	case event.CodeNotObject, event.CodeNoType, event.CodeNoModel, event.CodeNoID, event.CodeNoContent:
		if !valid {
			t.Fatalf("Decode(%q) = %v, but it is no JSON", text, err)
		}
	case event.CodeBadUTF8:
		if utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)) {
			t.Fatalf("Decode(%q) = %v, but it is UTF-8", text, err)
		}
	}
}

// checkAgainstJSON holds an accepted event against encoding/json.
func checkAgainstJSON(t *testing.T, text []byte, ev event.Event) {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatalf("Decode(%q) is accepted, encoding/json says %v", text, err)
	}
	for key, got := range map[string]string{"model": ev.Model, "version": ev.Version, "id": ev.ID} {
		if want, ok := top[key].(string); ok && got != want {
			t.Fatalf("Decode(%q): %s = %q, want %q", text, key, got, want)
		}
	}
	if want, has := top["score"].(float64); has != ev.HasScore || want != ev.Score {
		t.Fatalf("Decode(%q): score = %v, %v, want %v, %v", text, ev.Score, ev.HasScore, want, has)
	}
	for key, got := range map[string]sketches.Value{"prediction": ev.Prediction, "label": ev.Label} {
		if want := valueOf(top[key]); got != want {
			t.Fatalf("Decode(%q): %s = %v, want %v", text, key, got, want)
		}
	}
	features, _ := top["features"].(map[string]any)
	if len(features) != len(ev.Features) {
		t.Fatalf("Decode(%q): %d features, want %d", text, len(ev.Features), len(features))
	}
	for _, f := range ev.Features {
		if want := valueOf(features[f.Name]); f.Value != want {
			t.Fatalf("Decode(%q): feature %q = %v, want %v", text, f.Name, f.Value, want)
		}
	}
	segments, _ := top["segments"].(map[string]any)
	for _, s := range ev.Segments {
		if want, ok := segments[s.Name].(string); ok && s.Value != want {
			t.Fatalf("Decode(%q): segment %q = %q, want %q", text, s.Name, s.Value, want)
		}
	}
}

// valueOf makes the value that a feature with this JSON must have.
func valueOf(v any) sketches.Value {
	switch v := v.(type) {
	case nil:
		return sketches.Null()
	case float64:
		return sketches.Number(v)
	case string:
		return sketches.String(v)
	case bool:
		return sketches.Bool(v)
	}
	return sketches.Wrong()
}

// FuzzTime reads the text once as RFC 3339 and once as a number: no panic, the years
// hold, and a decoder that knows the record's layout reads the same.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05.678Z", "1969-12-31T23:59:60.1+01:00", "17e11", "-0.5e-3", "253402300799999.9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\"\\") {
			return
		}
		for _, ts := range []string{`"` + text + `"`, text} {
			text := `{"type":"tick","ts":` + ts + `}`
			ev, err := decode(text)
			d := event.NewDecoder(event.Limits{})
			var learnt event.Event
			for _, other := range []string{`{"type":"tick","ts":1}`, `{"type":"tick","ts":"2026-01-02T03:04:05Z"}`, text} {
				got := ask(d, []byte(other), &learnt)
				if other == text {
					if diff := differs(said{ev: ev, err: err, ignored: got.ignored, names: got.names}, got); diff != "" {
						t.Fatalf("ts %s, layout known: %s", ts, diff)
					}
				}
			}
			if err != nil || !ev.HasTime {
				continue
			}
			if ev.TimeMS < -62135596800000 || ev.TimeMS > 253402300799999 {
				t.Fatalf("ts %s is read as %d, outside the years 0001 to 9999", ts, ev.TimeMS)
			}
			again, err := decode(string(event.Encode(ev)))
			if err != nil || again.TimeMS != ev.TimeMS {
				t.Fatalf("ts %s is read as %d, and after Encode as %d, %v", ts, ev.TimeMS, again.TimeMS, err)
			}
		}
	})
}

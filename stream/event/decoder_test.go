package event_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/stream/event"
)

func TestDecode_LimitsAreTheLargestThatPass(t *testing.T) {
	t.Parallel()
	limits := event.Limits{Bytes: 80, Depth: 3, Features: 2, Segments: 1, Name: 4}
	tests := []struct {
		name string
		text string
		code event.Code // "" if it passes
	}{
		{"80 bytes", `{"model":"m","score":1}` + strings.Repeat(" ", 57), ""},
		{"81 bytes", `{"model":"m","score":1}` + strings.Repeat(" ", 58), event.CodeTooLarge},
		{"three deep", `{"model":"m","features":{"a":[]}}`, ""},
		{"four deep", `{"model":"m","features":{"a":[[]]}}`, event.CodeTooDeep},
		{"three deep in turn, many times", `{"model":"m","score":1,"x":[[],[],[],{}]}`, ""},
		{"two features", `{"model":"m","features":{"a":1,"b":2}}`, ""},
		{"three features", `{"model":"m","features":{"a":1,"b":2,"c":3}}`, event.CodeTooManyFeatures},
		{"one segment", `{"model":"m","score":1,"segments":{"a":"x"}}`, ""},
		{"one segment beside a null", `{"model":"m","score":1,"segments":{"a":"x","b":null}}`, ""},
		{"two segments", `{"model":"m","score":1,"segments":{"a":"x","b":"y"}}`, event.CodeTooManySegments},
		{"a name of four bytes", `{"model":"mmmm","score":1}`, ""},
		{"a name of five bytes in four characters", `{"model":"mmmé","score":1}`, event.CodeBadName},
		{"a text value has no limit of its own", `{"model":"m","features":{"a":"longer than four"}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var ev event.Event
			err := event.NewDecoder(limits).Decode([]byte(tt.text), &ev)
			var reason *event.Reason
			switch errors.As(err, &reason); {
			case tt.code == "" && err != nil:
				t.Errorf("Decode(%s) = %v, want nil", tt.text, err)
			case tt.code != "" && (reason == nil || reason.Code != tt.code):
				t.Errorf("Decode(%s) = %v, want %s", tt.text, err, tt.code)
			}
		})
	}
}

func TestLimits_ValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	if err := event.DefaultLimits().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	err := event.Limits{Bytes: -1, Depth: 65, Name: -3}.Validate()
	if err == nil {
		t.Fatal("three faults pass")
	}
	for _, want := range []string{"bytes: -1", "depth: 65", "name: -3"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %q, want it to name %q", err, want)
		}
	}
	// A decoder made from them all the same must hold.
	var ev event.Event
	err = event.NewDecoder(event.Limits{Bytes: -1, Depth: 1000}).Decode([]byte(strings.Repeat("[", 100)), &ev)
	var reason *event.Reason
	if !errors.As(err, &reason) || reason.Code != event.CodeTooDeep || reason.At != 64 {
		t.Errorf("Decode of 100 brackets = %v, want %s at byte 64", err, event.CodeTooDeep)
	}
}

func TestDecoder_KeepsNothingFromTheRecordBefore(t *testing.T) {
	t.Parallel()
	d := event.NewDecoder(event.Limits{})
	var reused event.Event
	for round := range 2 { // the second round meets every record after every kind of other
		for _, tt := range good {
			if err := d.Decode([]byte(tt.text), &reused); err != nil {
				t.Fatalf("round %d, %s: %v", round, tt.name, err)
			}
			if diff := cmp.Diff(event.Encode(tt.want), event.Encode(reused)); diff != "" {
				t.Errorf("round %d, %s differs (-want +got):\n%s", round, tt.name, diff)
			}
			for _, b := range bad[round*7 : round*7+3] {
				if err := d.Decode([]byte(b.text), &reused); err == nil {
					t.Errorf("round %d, %s passes", round, b.name)
				}
			}
		}
	}
}

func TestDecoder_NamesOfFeaturesOutliveTheRecordsBytes(t *testing.T) {
	t.Parallel()
	d := event.NewDecoder(event.Limits{})
	var first, second event.Event
	for _, ev := range []*event.Event{&first, &second} { // the first read slowly, the second by a template
		value := []byte(`{"model":"fraud","features":{"amount":1,"city":"Lyon","a\u0031":2}}`)
		if err := d.Decode(value, ev); err != nil {
			t.Fatal(err)
		}
		for i := range value {
			value[i] = 'x' // the caller's buffer is used for the next fetch
		}
	}
	if first.Shape == nil || first.Shape != second.Shape {
		t.Fatalf("shapes %p and %p, want one that is kept", first.Shape, second.Shape)
	}
	for _, ev := range []event.Event{first, second} {
		for i, want := range []string{"amount", "city", "a1"} {
			if ev.Features[i].Name != want || ev.Shape.Names[i] != want {
				t.Errorf("after the buffer changed feature %d is %q, in the shape %q, want %q", i, ev.Features[i].Name, ev.Shape.Names[i], want)
			}
		}
	}
}

func TestDecoder_IgnoredCountsKeysOfTheLastRecord(t *testing.T) {
	t.Parallel()
	d := event.NewDecoder(event.Limits{})
	var ev event.Event
	text := `{"model":"m","Score":1,"score":1,"trace":{},"x":[1]}`
	if err := d.Decode([]byte(text), &ev); err != nil {
		t.Fatal(err)
	}
	n, names := d.Ignored()
	if diff := cmp.Diff([]string{"Score", "trace", "x"}, names); diff != "" || n != 3 {
		t.Errorf("Ignored = %d %q, want 3 and Score, trace, x", n, names)
	}
	text = `{"type":"tick",` + many(40, func(i int) string { return `"k` + string(rune('a'+i%26)) + `":0` }) + `}`
	if err := d.Decode([]byte(text), &ev); err != nil {
		t.Fatal(err)
	}
	if n, names := d.Ignored(); n != 40 || len(names) != 16 {
		t.Errorf("Ignored = %d and %d names, want 40 and 16", n, len(names))
	}
	if err := d.Decode([]byte(`{"type":"tick"}`), &ev); err != nil {
		t.Fatal(err)
	}
	if n, names := d.Ignored(); n != 0 || len(names) != 0 {
		t.Errorf("Ignored = %d %q after a record without such keys, want 0", n, names)
	}
}

package mapping_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

// FuzzRead reads the same bytes in every format, with and without the headers of a
// CloudEvent. Each answer is events that survive being written as native ones, or a
// reason; and it is the same the second time and after anything else.
func FuzzRead(f *testing.F) {
	for _, s := range mappingtest.Samples(f) {
		for _, r := range s.Records[:6] {
			f.Add(r.Value, true)
		}
	}
	for _, c := range badCases() {
		if len(c.raw.Value) < 2000 {
			f.Add(c.raw.Value, len(c.raw.Headers) > 0)
		}
	}
	mappings := []struct {
		m     mapping.Mapping
		topic string
	}{
		{mapping.Mapping{Format: mapping.Flat, Segments: []string{"segments"}}, ""},
		{mapping.Mapping{Format: mapping.Flat, Model: "=m", FeaturesPrefix: "f", TimeUnit: "us", NumericStrings: true, Time: "ts|when"}, ""},
		{mapping.Mapping{Format: mapping.Flat, Model: "=m", Rows: "rows", Features: "x.y", FeatureNames: []string{"a", "b"}, Drop: []string{"z"}}, ""},
		{mapping.Mapping{Format: mapping.CloudEvents}, ""},
		{mapping.Mapping{Format: mapping.KServe, Version: "@ce.metadata.v"}, ""},
		{mapping.Mapping{Format: mapping.V2, FeatureNames: []string{"a", "b"}}, ""},
		{mapping.Mapping{Format: mapping.V2, Score: "x.1", Prediction: "y"}, ""},
		{mapping.Mapping{Format: mapping.Seldon2}, inputs},
		{mapping.Mapping{Format: mapping.Seldon2}, outputs},
		{mapping.Mapping{Format: mapping.Avro, Drop: []string{"trace"}}, ""},
		{mapping.Mapping{Format: mapping.Avro, FeatureNames: mappingtest.Features()}, ""},
	}
	var readers, fresh []event.Reader
	for _, x := range mappings {
		for _, into := range []*[]event.Reader{&readers, &fresh} {
			r, err := mapping.New(mapping.Config{Mapping: x.m, Topic: x.topic, Schemas: mappingtest.Schemas(f)})
			if err != nil {
				f.Fatal(err)
			}
			*into = append(*into, r)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte, withHeaders bool) {
		raw := event.Raw{Key: []byte("key"), Value: value, TimeMS: 1}
		if withHeaders {
			raw.Headers = headers("ce_specversion", "1.0", "ce_id", "r1", "ce_source", "/s", "ce_type", "t", "ce_metadata", `{"v":["3"]}`, "seldon-x", "y")
		}
		for i, r := range readers {
			first, ok := answerOf(t, r, &raw)
			if again, _ := answerOf(t, fresh[i], &raw); first != again {
				t.Fatalf("mapping %d answers %q and %q for %q", i, first, again, value)
			}
			if !ok {
				continue
			}
			if second, _ := answerOf(t, r, &raw); first != second {
				t.Fatalf("mapping %d answers %q, then %q for %q", i, first, second, value)
			}
		}
	})
}

// answerOf reads a record and writes what came of it as text.
func answerOf(t *testing.T, r event.Reader, raw *event.Raw) (text string, ok bool) {
	t.Helper()
	rows, err := r.Read(raw)
	if err != nil {
		var reason *event.Reason
		if !errors.As(err, &reason) || reason.At < 0 || reason.At > len(raw.Value) || reason.Detail == "" || reason.Code == "" {
			t.Fatalf("Read(%q) = %+v, want a reason with its place", raw.Value, err)
		}
		return reason.Error(), false
	}
	if len(rows) == 0 {
		t.Fatalf("Read(%q) gave neither rows nor a reason", raw.Value)
	}
	for i := range rows {
		a, b := &rows[0], &rows[i]
		if a.Type != b.Type || a.Model != b.Model || a.Version != b.Version || a.HasTime != b.HasTime || a.TimeMS != b.TimeMS {
			t.Fatalf("Read(%q): row %d has another type, model, version or time than row 0", raw.Value, i)
		}
		native := event.Encode(rows[i])
		var ev event.Event
		if err := event.NewDecoder(event.Limits{Bytes: 1 << 24}).Decode(native, &ev); err != nil {
			t.Fatalf("Read(%q) gave an event that native events do not allow: %v\n%s", raw.Value, err, native)
		}
		text += string(native) + "\n"
	}
	return text, true
}

func TestRead_JSONOfAnyFormIsWhatEncodingJSONSays(t *testing.T) {
	t.Parallel()
	r, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Flat, Model: "=m", Features: "."}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"a":1,"b":"\u00e4\n\"\\","c":true,"d":null,"e":-0.0,"f":1e-7,"g":123456789012345678901,"score":0.5}`,
		" {\n\"a\" : 1 ,\t\"score\":1\r\n} ",
		`{"score":1,"a.b":2,"c":{"d":{"e":3}},"":{"x":1}}`,
	} {
		var want map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		rows, err := r.Read(&event.Raw{Value: []byte(text)})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, f := range rows[0].Features {
			x, isNumber := f.Value.Float()
			s, _ := f.Value.Text()
			switch w := want[f.Name].(type) {
			case float64:
				if !isNumber || x != w {
					t.Errorf("%s: %s = %v, want %v", text, f.Name, x, w)
				}
			case string:
				if s != w {
					t.Errorf("%s: %s = %q, want %q", text, f.Name, s, w)
				}
			}
		}
	}
}

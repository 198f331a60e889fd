package event_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fastjson"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// FuzzFastAgreesWithSlow lets a decoder learn from one text and then read another, and
// the first again: the answers must be the slow way's.
func FuzzFastAgreesWithSlow(f *testing.F) {
	for _, tt := range good {
		for _, other := range good[:4] {
			f.Add([]byte(other.text), []byte(tt.text))
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		s := newService(r)
		f.Add(s.event(r), s.event(r))
		f.Add(s.event(r), broken(r, s.event(r)))
	}
	// An event without the blank that the template has no room for.
	f.Add([]byte(`{"model": "m","label": "a","id":1}`), []byte(`{"model": "m","label":  null,"id":1,"score":1}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		fast, slow := event.NewDecoder(event.Limits{}), event.NewSlowDecoder(event.Limits{})
		var got, want event.Event
		for _, text := range [][]byte{first, second, first, second} {
			if d := differs(ask(slow, text, &want), ask(fast, text, &got)); d != "" {
				t.Fatalf("after %q, %q: %s", first, text, d)
			}
		}
	})
}

// FuzzNumber reads one text as feature, score and answer by a template, and holds it
// against strconv and the grammar of encoding/json, bit by bit.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{
		"0", "-0", "1e-05", "0.1", "12.100000381469727", "9007199254740993", "123456789012345678", "0.30000000000000004", "1e23", "8.5e-27",
		"18446744073709551615", "0.000000000000000000000000001", "9999999999999999999e-27", "4.35e-10", "1.7976931348623157e308", "00", "1.", "-", "1e",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := event.NewDecoder(event.Limits{})
		var ev event.Event
		read := func(v string) error {
			return d.Decode([]byte(`{"model":"m","features":{"a":`+v+`,"b":2},"score":`+v+`,"prediction":`+v+`}`), &ev)
		}
		if err := read("1"); err != nil {
			t.Fatal(err)
		}
		err := read(s)
		want, isNumber := numberOf(s)
		if !isNumber {
			if err == nil && len(ev.Features) == 2 && ev.HasScore {
				// It may be text that brings members of its own; then it is FuzzDecode's.
				if !json.Valid([]byte(`[` + s + `]`)) {
					return
				}
				t.Fatalf("%q is read as the number %v", s, ev.Score)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		first, _ := ev.Features[0].Value.Float()
		answer, _ := ev.Prediction.Float()
		for _, got := range []float64{first, ev.Score, answer} {
			if math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%q is read as %v, want %v", s, got, want)
			}
		}
	})
}

// numberOf reads a JSON number that stands alone, white space around it allowed.
func numberOf(s string) (float64, bool) {
	var n json.Number
	if json.Unmarshal([]byte(s), &n) != nil || n == "" || bytes.ContainsAny([]byte(s), `"n`) {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(n), 64)
	return x, err == nil
}

// FuzzLibrariesAgree reads a text that the fast way accepted with jsontext and
// fastjson: they must accept it too, with the same features, and jsontext with the same
// floats bit by bit.
func FuzzLibrariesAgree(f *testing.F) {
	for _, tt := range good {
		f.Add([]byte(tt.text))
	}
	r := rand.New(rand.NewPCG(8, 9))
	for range 20 {
		f.Add(newService(r).event(r))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := event.NewDecoder(event.Limits{})
		var ev event.Event
		for range 2 { // the second time by the template of the first
			if d.Decode(text, &ev) != nil {
				return
			}
		}
		checkJSONText(t, text, ev.Features)
		checkFastjson(t, text, ev.Features)
	})
}

func checkJSONText(t *testing.T, text []byte, features []event.Feature) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	token := func() jsontext.Token {
		tok, err := dec.ReadToken()
		if err != nil {
			t.Fatalf("jsontext refuses %q: %v", text, err)
		}
		return tok
	}
	token()
	for dec.PeekKind() == '"' {
		key := token().String()
		if key != "features" || dec.PeekKind() != '{' {
			if err := dec.SkipValue(); err != nil {
				t.Fatalf("jsontext refuses %q: %v", text, err)
			}
			continue
		}
		token()
		for i := 0; dec.PeekKind() == '"'; i++ {
			name := token().String()
			var want sketches.Value
			switch dec.PeekKind() {
			case '{', '[':
				want = sketches.Wrong()
				if err := dec.SkipValue(); err != nil {
					t.Fatalf("jsontext refuses %q: %v", text, err)
				}
			default:
				want = tokenValue(t, token())
			}
			if i >= len(features) || features[i].Name != name || !sameValue(features[i].Value, want) {
				t.Fatalf("%q: feature %d of %v, want %q = %v", text, i, features, name, want)
			}
		}
		token()
	}
	token()
}

func tokenValue(t *testing.T, tok jsontext.Token) sketches.Value {
	t.Helper()
	switch tok.Kind() {
	case '"':
		return sketches.String(tok.String())
	case 't', 'f':
		return sketches.Bool(tok.Bool())
	case '0':
		x, err := tok.Float()
		if err != nil {
			t.Fatalf("jsontext refuses the number %v: %v", tok, err)
		}
		return sketches.Number(x)
	}
	return sketches.Null()
}

func checkFastjson(t *testing.T, text []byte, features []event.Feature) {
	t.Helper()
	v, err := fastjson.ParseBytes(text)
	if err != nil {
		t.Fatalf("fastjson refuses %q: %v", text, err)
	}
	i := 0
	o := v.GetObject("features")
	if o == nil {
		return
	}
	o.Visit(func(name []byte, v *fastjson.Value) {
		x, isNumber := features[i].Value.Float()
		if features[i].Value.Kind() == sketches.ValueNumber != (v.Type() == fastjson.TypeNumber) || features[i].Name != string(name) {
			t.Fatalf("%q: feature %d is %v, fastjson reads %q = %v", text, i, features[i], name, v)
		}
		// Its floats are a few units in the last place off where an exponent stands, and
		// more near the ends of the range.
		if a := math.Abs(x); a != 0 && (a < 1e-290 || a > 1e290) {
			i++
			return
		}
		if got, err := v.Float64(); isNumber && v.Type() == fastjson.TypeNumber && (err != nil || math.Abs(got-x) > 1e-14*math.Abs(x)) {
			t.Fatalf("%q: feature %q = %v, fastjson reads %v, %v", text, name, x, got, err)
		}
		i++
	})
}

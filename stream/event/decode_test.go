package event_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// decode reads one text with a fresh decoder of the default limits.
func decode(text string) (event.Event, error) {
	var ev event.Event
	err := event.NewDecoder(event.Limits{}).Decode([]byte(text), &ev)
	return ev, err
}

// equal compares values by ==, which tells kinds apart.
var equal = cmp.Comparer(func(a, b sketches.Value) bool { return a == b })

const jan2 = 1767323045678 // 2026-01-02T03:04:05.678Z

var good = []struct {
	name string
	text string
	want event.Event
}{
	{
		"a prediction with all fields",
		`{"type":"prediction","model":"acis_growth_classifier","version":"3","id":"b7c1","ts":"2026-01-02T03:04:05.678Z",
		 "features":{"pe_ratio":12.1,"sector":"tech","eps":null,"held":true},"score":0.83,"prediction":1,"segments":{"region":"us"}}`,
		event.Event{
			Type: event.TypePrediction, Model: "acis_growth_classifier", Version: "3", ID: "b7c1", TimeMS: jan2, HasTime: true,
			Features: []event.Feature{
				{Name: "pe_ratio", Value: sketches.Number(12.1)}, {Name: "sector", Value: sketches.String("tech")},
				{Name: "eps", Value: sketches.Null()}, {Name: "held", Value: sketches.Bool(true)},
			},
			Score: 0.83, HasScore: true, Prediction: sketches.Number(1), HasPrediction: true,
			Segments: []event.Segment{{Name: "region", Value: "us"}},
		},
	},
	{
		"a label with a time in another zone",
		`{"type":"label","model":"m","id":"b7c1","ts":"2026-01-02T05:34:05.678999999+02:30","label":1}`,
		event.Event{Type: event.TypeLabel, Model: "m", ID: "b7c1", TimeMS: jan2, HasTime: true, Label: sketches.Number(1), HasLabel: true},
	},
	{"a tick needs nothing else", `{"type":"tick"}`, event.Event{Type: event.TypeTick}},
	{
		"a tick may carry a time", ` {"type":"tick","ts":1767323045678} `,
		event.Event{Type: event.TypeTick, TimeMS: jan2, HasTime: true},
	},
	{
		"a label tells the type", `{"model":"m","id":"1","score":0.5,"label":"yes","features":{"a":1}}`,
		event.Event{
			Type: event.TypeLabel, Model: "m", ID: "1", Score: 0.5, HasScore: true, Label: sketches.String("yes"), HasLabel: true,
			Features: []event.Feature{{Name: "a", Value: sketches.Number(1)}},
		},
	},
	{
		"a score tells the type", `{"model":"m","score":0,"features":{}}`,
		event.Event{Type: event.TypePrediction, Model: "m", HasScore: true},
	},
	{
		"a prediction tells the type", `{"model":"m","prediction":false}`,
		event.Event{Type: event.TypePrediction, Model: "m", Prediction: sketches.Bool(false), HasPrediction: true},
	},
	{
		"features tell the type", `{"model":"m","features":{"a":-0.0}}`,
		event.Event{Type: event.TypeFeature, Model: "m", Features: []event.Feature{{Name: "a", Value: sketches.Number(math.Copysign(0, -1))}}},
	},
	{
		"null at the top level is absent", `{"type":null,"model":"m","version":null,"id":null,"ts":null,"features":{"a":1},"score":null,"prediction":null,"label":null,"segments":null}`,
		event.Event{Type: event.TypeFeature, Model: "m", Features: []event.Feature{{Name: "a", Value: sketches.Number(1)}}},
	},
	{
		"nested features are wrong values, not dead records", `{"model":"m","features":{"a":{"b":[1,{"c":"]}"}]},"d":[],"e":2}}`,
		event.Event{Type: event.TypeFeature, Model: "m", Features: []event.Feature{
			{Name: "a", Value: sketches.Wrong()}, {Name: "d", Value: sketches.Wrong()}, {Name: "e", Value: sketches.Number(2)},
		}},
	},
	{
		"whole numbers as version and id keep their digits", `{"model":"m","version":3,"id":-12345678901234567890,"score":1}`,
		event.Event{Type: event.TypePrediction, Model: "m", Version: "3", ID: "-12345678901234567890", Score: 1, HasScore: true},
	},
	{
		"escapes are read in keys and values", `{"mod\u0065l":"caf\u00e9 \ud83d\ude00","features":{"\"\\\/":"\b\f\n\r\tx\u0041"}}`,
		event.Event{
			Type: event.TypeFeature, Model: "café 😀",
			Features: []event.Feature{{Name: `"\/`, Value: sketches.String("\b\f\n\r\txA")}},
		},
	},
	{
		"keys that are not ours are passed over", `{"trace":{"model":"x","model":"y"},"spans":[{"a":{}},[1,[2],{}],3],"model":"m","score":1,"Model":3}`,
		event.Event{Type: event.TypePrediction, Model: "m", Score: 1, HasScore: true},
	},
	{
		"segments may be integers and booleans", `{"model":"m","score":1,"segments":{"plan":7,"new":true,"old":false,"none":null}}`,
		event.Event{Type: event.TypePrediction, Model: "m", Score: 1, HasScore: true, Segments: []event.Segment{
			{Name: "plan", Value: "7"}, {Name: "new", Value: "true"}, {Name: "old", Value: "false"},
		}},
	},
	{
		"a prediction without an answer may still carry features", `{"type":"prediction","model":"m","features":{"a":1}}`,
		event.Event{Type: event.TypePrediction, Model: "m", Features: []event.Feature{{Name: "a", Value: sketches.Number(1)}}},
	},
}

func TestDecode_GoodEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range good {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(tt.text)
			if err != nil {
				t.Fatalf("Decode(%s) = %v", tt.text, err)
			}
			if diff := cmp.Diff(tt.want, got, equal, cmpopts.IgnoreFields(event.Event{}, "Shape")); diff != "" {
				t.Errorf("Decode(%s) differs (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

// many joins n members made by f.
func many(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

func deep(open, closing string, n int) string {
	return strings.Repeat(open, n) + strings.Repeat(closing, n)
}

var bad = []struct {
	name string
	text string
	code event.Code
	at   int
}{
	{"no bytes", "", event.CodeEmpty, 0},
	{"white space alone", " \n\t\r", event.CodeEmpty, 0},
	{"larger than a mebibyte", `{"model":"` + strings.Repeat("x", 1<<20) + `"}`, event.CodeTooLarge, 1 << 20},
	{"a byte that is no UTF-8", "{\"model\":\"m\xff\"}", event.CodeBadUTF8, 11},
	{"a surrogate as UTF-8", "{\"model\":\"\xed\xa0\x80\"}", event.CodeBadUTF8, 10},
	{"a lone high surrogate", `{"model":"\ud83d"}`, event.CodeBadUTF8, 10},
	{"a lone low surrogate", `{"model":"\ude00x"}`, event.CodeBadUTF8, 10},
	{"two high surrogates", `{"model":"\ud83d\ud83d"}`, event.CodeBadUTF8, 10},
	{"a byte order mark", "\ufeff{}", event.CodeNotJSON, 0},
	{"schema-registry framing", "\x00\x00\x00\x00\x01\x02", event.CodeNotJSON, 0},
	{"words", "hello", event.CodeNotJSON, 0},
	{"a word that begins as null", `{"model":nul}`, event.CodeNotJSON, 9},
	{"a word that goes on after null", `{"model":nullx}`, event.CodeNotJSON, 13},
	{"NaN", `{"model":"m","features":{"a":NaN}}`, event.CodeNotJSON, 29},
	{"Infinity", `{"model":"m","score":Infinity}`, event.CodeNotJSON, 21},
	{"minus Infinity", `{"model":"m","score":-Infinity}`, event.CodeNotJSON, 22},
	{"a leading zero", `{"model":"m","score":01}`, event.CodeNotJSON, 22},
	{"a leading plus", `{"model":"m","score":+1}`, event.CodeNotJSON, 21},
	{"a bare point", `{"model":"m","score":1.}`, event.CodeNotJSON, 23},
	{"a number that begins with a point", `{"model":"m","score":.5}`, event.CodeNotJSON, 21},
	{"an exponent without digits", `{"model":"m","score":1e+}`, event.CodeNotJSON, 24},
	{"a hexadecimal number", `{"model":"m","score":0x10}`, event.CodeNotJSON, 22},
	{"single quotes", `{'model':'m'}`, event.CodeNotJSON, 1},
	{"a comment", `{"model":"m"/* */}`, event.CodeNotJSON, 12},
	{"a comma before the end", `{"model":"m","score":1,}`, event.CodeNotJSON, 23},
	{"a comma at the beginning", `{,"model":"m"}`, event.CodeNotJSON, 1},
	{"two commas", `{"model":"m",,"score":1}`, event.CodeNotJSON, 13},
	{"no comma", `{"model":"m" "score":1}`, event.CodeNotJSON, 13},
	{"no colon", `{"model" "m"}`, event.CodeNotJSON, 9},
	{"no value", `{"model":}`, event.CodeNotJSON, 9},
	{"the end inside a string", `{"model":"m`, event.CodeNotJSON, 11},
	{"the end inside an escape", `{"model":"m\`, event.CodeNotJSON, 12},
	{"the end inside the object", `{"model":"m"`, event.CodeNotJSON, 12},
	{"an unknown escape", `{"model":"\x41"}`, event.CodeNotJSON, 10},
	{"an escape with too few digits", `{"model":"\u00e"}`, event.CodeNotJSON, 10},
	{"a second half with too few digits", `{"model":"\ud83d\u12"}`, event.CodeNotJSON, 16},
	{"a line break in a string", "{\"model\":\"a\nb\"}", event.CodeNotJSON, 11},
	{"a line break in a string with escapes", "{\"model\":\"\\n\n\"}", event.CodeNotJSON, 12},
	{"brackets that do not match", `{"model":"m","x":[1}`, event.CodeNotJSON, 19},
	{"a bracket too many", `{"model":"m","score":1}}`, event.CodeNotJSON, 23},
	{"two events in one record", `{"type":"tick"}{"type":"tick"}`, event.CodeNotJSON, 15},
	{"no-break space between tokens", "{\u00a0\"model\":\"m\"}", event.CodeNotJSON, 1},
	{"a zero byte after the event", "{\"type\":\"tick\"}\x00", event.CodeNotJSON, 15},
	{"a broken value that is passed over", `{"x":{"y":[1,2,}]}}`, event.CodeNotJSON, 15},
	{"an array", `[{"model":"m"}]`, event.CodeNotObject, 0},
	{"a string", ` "model"`, event.CodeNotObject, 1},
	{"a number", "17", event.CodeNotObject, 0},
	{"null", "null", event.CodeNotObject, 0},
	{"seventeen deep in a key passed over", `{"x":` + deep("[", "]", 16) + `}`, event.CodeTooDeep, 20},
	{"ten thousand deep in a feature", `{"model":"m","features":{"a":` + deep("[", "]", 10000) + `}}`, event.CodeTooDeep, 43},
	{"ten thousand deep and never closed", strings.Repeat(`{"features":`, 10000), event.CodeTooDeep, 12 * 16},
	{"ten thousand deep at the top", strings.Repeat("[", 10000), event.CodeTooDeep, 16},
	{"the model twice", `{"model":"m","model":"m"}`, event.CodeDuplicateKey, 13},
	{"the model twice, once with an escape", `{"model":null,"\u006dodel":"m"}`, event.CodeDuplicateKey, 14},
	{"the features twice", `{"features":{},"features":{}}`, event.CodeDuplicateKey, 15},
	{"a feature twice", `{"model":"m","features":{"a":1,"b":2,"a":1}}`, event.CodeDuplicateKey, 37},
	{"a feature twice, once with an escape", `{"model":"m","features":{"a":1,"\u0061":1}}`, event.CodeDuplicateKey, 31},
	{"a segment twice", `{"model":"m","segments":{"a":"x","a":"x"}}`, event.CodeDuplicateKey, 33},
	{"a segment twice, once null", `{"model":"m","segments":{"a":null,"a":"x"}}`, event.CodeDuplicateKey, 34},
	{"a number as type", `{"type":1}`, event.CodeWrongType, 8},
	{"an unknown type", `{"type":"Prediction"}`, event.CodeUnknownType, 8},
	{"a number as model", `{"model":17}`, event.CodeWrongType, 9},
	{"a broken array as model", `{"model":[1,}`, event.CodeNotJSON, 12},
	{"a fraction as version", `{"model":"m","version":1.5}`, event.CodeWrongType, 23},
	{"an exponent as id", `{"model":"m","id":1e3}`, event.CodeWrongType, 18},
	{"an object as id", `{"model":"m","id":{}}`, event.CodeWrongType, 18},
	{"a boolean as time", `{"ts":true}`, event.CodeWrongType, 6},
	{"an array as features", `{"features":[1,2]}`, event.CodeWrongType, 12},
	{"a string as score", `{"score":"0.5"}`, event.CodeWrongType, 9},
	{"a boolean as score", `{"score":true}`, event.CodeWrongType, 9},
	{"an array as prediction", `{"prediction":[0.1,0.9]}`, event.CodeWrongType, 14},
	{"an object as label", `{"label":{"a":1}}`, event.CodeWrongType, 9},
	{"a string as segments", `{"segments":"eu"}`, event.CodeWrongType, 12},
	{"a fraction as segment", `{"segments":{"a":0.5}}`, event.CodeWrongType, 17},
	{"an array as segment", `{"segments":{"a":[]}}`, event.CodeWrongType, 17},
	{"a model of 257 bytes", `{"model":"` + strings.Repeat("m", 257) + `"}`, event.CodeBadName, 9},
	{"a model with a line break", `{"model":"a\nb"}`, event.CodeBadName, 9},
	{"a model with a delete character", `{"model":"a\u007f"}`, event.CodeBadName, 9},
	{"a reserved model", `{"model":"_source","score":1}`, event.CodeBadName, 9},
	{"a reserved version", `{"model":"m","version":"*","score":1}`, event.CodeBadName, 23},
	{"an id with a zero byte", `{"model":"m","id":"a\u0000"}`, event.CodeBadName, 18},
	{"a feature without a name", `{"model":"m","features":{"":1}}`, event.CodeBadName, 25},
	{"a feature with a name of 257 bytes", `{"features":{"` + strings.Repeat("f", 257) + `":1}}`, event.CodeBadName, 13},
	{"a segment without a name", `{"segments":{"":"x"}}`, event.CodeBadName, 13},
	{"a segment of 257 bytes", `{"segments":{"a":"` + strings.Repeat("f", 257) + `"}}`, event.CodeBadName, 17},
	{"a feature beyond float64", `{"model":"m","features":{"a":1e999}}`, event.CodeBadNumber, 29},
	{"a feature below float64", `{"model":"m","features":{"a":-1e309}}`, event.CodeBadNumber, 29},
	{"a score beyond float64", `{"model":"m","score":1e999}`, event.CodeBadNumber, 21},
	{"a label beyond float64", `{"model":"m","label":1e400}`, event.CodeBadNumber, 21},
	{"a time without an offset", `{"ts":"2026-01-02T03:04:05"}`, event.CodeBadTime, 6},
	{"a time in words", `{"ts":"yesterday"}`, event.CodeBadTime, 6},
	{"a time beyond the year 9999", `{"ts":253402300800000}`, event.CodeBadTime, 6},
	{"a time of nanoseconds", `{"ts":1767323045678000000}`, event.CodeBadTime, 6},
	{"a time beyond float64", `{"ts":1e999}`, event.CodeBadTime, 6},
	{"2,001 features", `{"features":{` + many(2001, func(i int) string { return fmt.Sprintf(`"f%04d":1`, i) }) + `}}`, event.CodeTooManyFeatures, 13 + 2000*10},
	{"33 segments", `{"segments":{` + many(33, func(i int) string { return fmt.Sprintf(`"s%02d":"x"`, i) }) + `}}`, event.CodeTooManySegments, 13 + 32*10},
	{"nothing", "{}", event.CodeNoType, 0},
	{"nothing that tells the type", ` {"model":"m","id":"1","label":null,"features":{}}`, event.CodeNoType, 1},
	{"no model", `{"score":1}`, event.CodeNoModel, 0},
	{"an empty model", `{"model":"","score":1}`, event.CodeNoModel, 0},
	{"a label without id", `{"model":"m","label":1}`, event.CodeNoID, 0},
	{"a label event without label", `{"type":"label","model":"m","id":"1"}`, event.CodeNoContent, 0},
	{"a feature event without features", `{"type":"feature","model":"m","features":{},"score":1}`, event.CodeNoContent, 0},
	{"a prediction event with nothing", `{"type":"prediction","model":"m"}`, event.CodeNoContent, 0},
}

func TestDecode_DeadRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range bad {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(tt.text)
			var reason *event.Reason
			if !errors.As(err, &reason) {
				t.Fatalf("Decode(%.200s) = %v, want a *Reason with code %s", tt.text, err, tt.code)
			}
			if reason.Code != tt.code || reason.At != tt.at {
				t.Errorf("Decode(%.200s) = %v, want %s at byte %d", tt.text, err, tt.code, tt.at)
			}
			if reason.Detail == "" || len(reason.Error()) > 500 {
				t.Errorf("Decode(%.200s): detail of %d bytes, want 1 to 500", tt.text, len(reason.Detail))
			}
			if diff := cmp.Diff(event.Event{}, got, equal, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Decode(%.200s) left something in the event:\n%s", tt.text, diff)
			}
		})
	}
}

func TestDecode_EveryCodeOfDecodeHasACase(t *testing.T) {
	t.Parallel()
	met := map[event.Code]bool{event.CodeNoTime: true, event.CodeUnreadable: true} // the reader's, never Decode's
	for _, c := range event.ForeignCodes() {
		met[c] = true // package mapping has their cases
	}
	for _, tt := range bad {
		met[tt.code] = true
	}
	listed := map[event.Code]bool{}
	for _, c := range event.Codes() {
		if listed[c] {
			t.Errorf("Codes lists %s twice", c)
		}
		listed[c] = true
		if !met[c] {
			t.Errorf("no record of the table is dead by %s", c)
		}
	}
	for c := range met {
		if !listed[c] {
			t.Errorf("Codes does not list %s", c)
		}
	}
}

package mapping

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	library "github.com/twmb/avro"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
)

// TestFast_GivesWhatTheTreeGives reads records of several schemas both ways, whole and
// mutilated.
func TestFast_GivesWhatTheTreeGives(t *testing.T) {
	t.Parallel()
	schemas := []string{
		`{"type":"record","name":"R","fields":[{"name":"model","type":"string"},{"name":"version","type":["null","int"]},{"name":"id","type":"long"},
		  {"name":"ts","type":{"type":"long","logicalType":"timestamp-nanos"}},{"name":"score","type":["null","double","float"]},
		  {"name":"prediction","type":["null","boolean","string"]},{"name":"features","type":{"type":"record","name":"F","fields":[
		  {"name":"a","type":"double"},{"name":"b","type":["null","double","string"]},{"name":"in","type":{"type":"record","name":"I","fields":[{"name":"c","type":"int"},{"name":"list","type":{"type":"array","items":"int"}}]}}]}}]}`,
		`{"type":"record","name":"R","fields":[{"name":"model","type":"string"},{"name":"a","type":"double"},{"name":"b","type":"boolean"},{"name":"skipped","type":{"type":"map","values":"int"}},
		  {"name":"label","type":["null","long"]},{"name":"id","type":"string"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"type","type":{"type":"enum","name":"T","symbols":["feature","tick","other"]}},{"name":"model","type":"string"},{"name":"x","type":"float"}]}`,
	}
	mappings := []Mapping{
		{Format: Avro, Drop: []string{"skipped"}}, {Format: Avro, Model: "=m", ID: "id", Drop: []string{"skipped", "b"}},
		{Format: Avro, FeatureNames: []string{"a", "b"}}, {Format: Avro, Features: "features.in"}, {Format: Avro, TimeUnit: "s", Time: "id"},
	}
	rng := rand.New(rand.NewPCG(4, 2))
	pick := func(xs ...any) any { return xs[rng.IntN(len(xs))] }
	makers := []func() map[string]any{
		func() map[string]any {
			return map[string]any{
				"model": pick("m", "", "käse", "_x"), "version": pick(nil, int32(7)), "id": rng.Int64N(1e6), "ts": pick(rng.Int64(), int64(-5)), "score": pick(nil, 0.5, math.Inf(1)),
				"prediction": pick(nil, true, "spam"), "features": map[string]any{"a": rng.NormFloat64(), "b": pick(nil, 2.5, "x"), "in": map[string]any{"c": int32(3), "list": []any{int32(1)}}},
			}
		},
		func() map[string]any {
			return map[string]any{"model": "m", "a": rng.NormFloat64(), "b": pick(true, false), "skipped": map[string]any{"k": int32(1)}, "label": pick(nil, int64(1)), "id": pick("", "i")}
		},
		func() map[string]any {
			return map[string]any{"type": pick("feature", "tick", "other"), "model": pick("m", ""), "x": float32(rng.NormFloat64())}
		},
	}
	used, read := 0, 0
	for k, text := range schemas {
		writer := library.MustParse(text)
		schema, err := avro.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mappings {
			var readers [2]*reader
			for i := range readers {
				r, err := New(Config{Mapping: m, Schema: schema})
				if err != nil {
					t.Fatal(err)
				}
				readers[i] = r.(*reader)
			}
			readers[1].slow = true
			if f, bad := readers[0].fits(schema); bad == nil && f.fast != nil {
				used++
			}
			for range 1000 {
				b, err := writer.Encode(makers[k]())
				if err != nil {
					t.Fatal(err)
				}
				for range rng.IntN(3) { // some whole, some mutilated
					switch at := rng.IntN(len(b) + 1); {
					case at == len(b):
					case rng.IntN(2) == 0:
						b[at] = byte(rng.IntN(256))
					default:
						b = b[:max(at, 1)]
					}
				}
				got, gotErr := both(readers[0], b)
				want, wantErr := both(readers[1], b)
				if gotErr != wantErr && wantErr != event.CodeDuplicateKey || gotErr == "" && !slices.Equal(got, want) {
					t.Fatalf("schema %.60s, mapping %+v, %x:\nfast %s %s\ntree %s %s", text, m, b, got, gotErr, want, wantErr)
				}
				if gotErr == "" {
					read++
				}
			}
		}
	}
	if used < 10 || read < 3000 {
		t.Errorf("%d of 15 pairs are fast and %d records could be read; the comparison says little", used, read)
	}
}

func both(r *reader, b []byte) ([]string, event.Code) {
	rows, err := r.Read(&event.Raw{Value: b})
	var reason *event.Reason
	if errors.As(err, &reason) {
		return nil, reason.Code
	}
	var out []string
	for _, ev := range rows {
		out = append(out, string(event.Encode(ev)))
	}
	return out, ""
}

package mapping_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"encoding/binary"
	"math"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

// wideSchema is a prediction with 50 features of type double, nested as producers nest
// them, and without framing.
func wideSchema(t testing.TB) *avro.Schema {
	t.Helper()
	var fields []string
	for i := range 50 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%02d","type":"double"}`, i))
	}
	s, err := avro.Parse(`{"type":"record","name":"P","fields":[{"name":"model","type":"string"},{"name":"version","type":"string"},
		{"name":"id","type":"string"},{"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"features","type":{"type":"record","name":"F","fields":[` + strings.Join(fields, ",") + `]}},{"name":"score","type":"double"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wideRecord(rng *rand.Rand) (b []byte) {
	text := func(s string) { b = append(binary.AppendVarint(b, int64(len(s))), s...) }
	double := func(x float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x)) }
	b = append(b, 0, 0, 0, 0, 1)
	text("acis_growth_classifier")
	text("3")
	text(fmt.Sprintf("%08x", rng.Uint32()))
	b = binary.AppendVarint(b, 1_767_323_045_678)
	for range 50 {
		double(float64(rng.IntN(2_000_000)-1_000_000) / 10_000)
	}
	double(0.83)
	return b
}

func wideNames() (out []string) {
	for i := range 50 {
		out = append(out, fmt.Sprintf("f%02d", i))
	}
	return out
}

func BenchmarkAvro(b *testing.B) {
	for _, named := range []bool{false, true} {
		b.Run(fmt.Sprintf("names=%v", named), func(b *testing.B) {
			m := mapping.Mapping{Format: mapping.Avro}
			if named {
				m.FeatureNames = wideNames()
			}
			r, err := mapping.New(mapping.Config{Mapping: m, Schemas: mappingtest.Known{1: wideSchema(b)}})
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			texts := make([][]byte, 512)
			for i := range texts {
				texts[i] = wideRecord(rng)
			}
			var raw event.Raw
			b.SetBytes(int64(len(texts[0])))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				raw.Value = texts[i%len(texts)]
				if _, err := r.Read(&raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFlatJSON(b *testing.B) {
	features := map[string]float64{}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range wideNames() {
		features[n] = float64(rng.IntN(2_000_000)-1_000_000) / 10_000
	}
	text, err := json.Marshal(map[string]any{"model": "acis", "version": "3", "id": "a", "ts": 1_767_323_045_678, "score": 0.83, "features": features})
	if err != nil {
		b.Fatal(err)
	}
	r, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Flat}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	raw := event.Raw{Value: text}
	for b.Loop() {
		if _, err := r.Read(&raw); err != nil {
			b.Fatal(err)
		}
	}
}

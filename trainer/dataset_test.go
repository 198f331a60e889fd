package trainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// sample is a small data set as its two files.
func sample(t testing.TB) (Manifest, []byte) {
	t.Helper()
	return sampleWith(t, nil, [][]string{nil, nil})
}

// sampleWith is that with segments of its two rows.
func sampleWith(t testing.TB, names []string, rows [][]string) (Manifest, []byte) {
	t.Helper()
	d := &dataset{
		Manifest: Manifest{Model: "m", Features: []string{"a", "b,\"c"}, Trained: 2, Rows: 2, TrainRows: 1, HoldoutRows: 1, Segments: names},
		rows:     []row{{id: "x\ny", ms: -5, y: 1, x: []float64{0.1, math.NaN()}, segments: rows[0]}, {id: "z", ms: 7, y: 0, x: []float64{1e300, -0.25}, segments: rows[1]}},
	}
	body, err := d.encode()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	d.Bytes, d.SHA256 = len(body), hex.EncodeToString(sum[:])
	return d.Manifest, body
}

func TestDataset_RefusesFilesThatAreNotTheManifests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(m *Manifest, b []byte) []byte
		want   string
	}{
		{"a byte changed", func(_ *Manifest, b []byte) []byte { b[10] ^= 1; return b }, "the artifact was changed"},
		{"longer than it says", func(_ *Manifest, b []byte) []byte { return append(b, 0) }, "the artifact was changed"},
		{"other columns", func(m *Manifest, b []byte) []byte { m.Features = []string{"a", "c"}; return b }, "columns of its manifest"},
		{"more rows promised", func(m *Manifest, b []byte) []byte { m.Rows = 3; return b }, "has 2 rows"},
		{"more to train on than there is", func(m *Manifest, b []byte) []byte { m.TrainRows = 9; return b }, "contradicts itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, body := sample(t)
			body = c.change(&m, body)
			if _, err := loadDataset(m, bytes.NewReader(body)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	m, body := sample(t)
	d, err := loadDataset(m, bytes.NewReader(body))
	if err != nil || d.rows[0].id != "x\ny" || !math.IsNaN(d.rows[0].x[1]) || d.rows[1].x[0] != 1e300 {
		t.Errorf("rows %+v, %v", d, err)
	}
}

// FuzzLoadDataset feeds any bytes whose sum the manifest happens to name.
func FuzzLoadDataset(f *testing.F) {
	m, body := sample(f)
	text, err := json.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, body)
	m, body = sampleWith(f, []string{"region"}, [][]string{{"eu"}, nil})
	if text, err = json.Marshal(m); err != nil {
		f.Fatal(err)
	}
	f.Add(text, body)
	f.Add(text, []byte("no gzip"))
	f.Add([]byte(`{"features":["a"],"trained":1,"rows":-1}`), body)
	f.Fuzz(func(t *testing.T, text, body []byte) {
		var m Manifest
		if json.Unmarshal(text, &m) != nil {
			return
		}
		sum := sha256.Sum256(body)
		m.SHA256, m.Bytes = hex.EncodeToString(sum[:]), len(body)
		d, err := loadDataset(m, bytes.NewReader(body))
		if err != nil {
			return
		}
		if len(d.train())+len(d.holdout()) != d.Rows || len(d.columns()) > len(d.Features) {
			t.Errorf("parts do not add up: %+v", d.Manifest)
		}
		for _, r := range d.rows {
			if len(r.x) != len(d.Features) || r.segments != nil && len(r.segments) != len(d.Segments) {
				t.Errorf("a row of %d values, %d features", len(r.x), len(d.Features))
			}
		}
	})
}

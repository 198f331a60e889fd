package sequential

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/generate"
)

func TestOnlineVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	type online struct {
		ID     string
		Digits string `json:"stream_digits"`
		Expect struct {
			PageHinkley []int `json:"page_hinkley_default_alarms"`
			ADWIN       []int `json:"adwin_default_alarms"`
		}
	}
	var file struct{ Vectors []json.RawMessage } // other kinds hold other types under these keys
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	var vectors []online
	for _, raw := range file.Vectors {
		var kind struct{ Kind string }
		if err := json.Unmarshal(raw, &kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind == "online" {
			var v online
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			vectors = append(vectors, v)
		}
	}
	if len(vectors) != 1 {
		t.Fatalf("%d vectors of kind online, want 1", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			ph, ad := NewPageHinkley(), NewADWIN()
			var phAlarms, adAlarms []int
			for i, c := range v.Digits {
				x := float64(c - '0')
				if ph.Update(x) {
					phAlarms = append(phAlarms, i)
				}
				if ad.Update(x) {
					adAlarms = append(adAlarms, i)
				}
			}
			if !slices.Equal(phAlarms, v.Expect.PageHinkley) {
				t.Errorf("Page-Hinkley alarms at %v, want %v", phAlarms, v.Expect.PageHinkley)
			}
			if !slices.Equal(adAlarms, v.Expect.ADWIN) {
				t.Errorf("ADWIN alarms at %v, want %v", adAlarms, v.Expect.ADWIN)
			}
		})
	}
}

// First alarms of River 0.23.0, ADWIN() with its defaults, on these records: 1 000
// standard normal ones, then shifted by half a standard deviation.
func TestADWINOfRiver023(t *testing.T) {
	t.Parallel()
	for stream, want := range []int{1151, 1119, 1183, 1119, 1151, 1151} {
		src := generate.NewSource(5, uint64(stream), 0)
		a := NewADWIN()
		a.AllBuckets = true
		got := -1
		for i := range 3000 {
			if i == 1000 {
				src.Change = generate.Change{Kind: generate.Mean, Size: 0.5}
			}
			if x, _ := src.Next(); a.Update(x) {
				got = i
				break
			}
		}
		if got != want {
			t.Errorf("stream %d: first alarm at %d, want %d", stream, got, want)
		}
	}
}

// The exact KS law of 30 against 30 makes p ≤ 0.005 from D = 13/30 on; the test also
// counts how often a stream without drift alarms (plan value 682 records at 0.005).
func TestKSWINAlarmsAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	k := NewKSWIN(0.005, 1)
	alarms := 0
	const n = 60_000
	for _, x := range values(12, n, 0) {
		if k.Update(x) {
			alarms++
		}
	}
	if k.least != 14 && k.least != 13 {
		t.Errorf("alarms from D = %d/30 on", k.least)
	}
	if arl := float64(n) / float64(alarms); arl < 400 || arl > 1100 {
		t.Errorf("one alarm in %.0f records, want about 680", arl)
	}
}

func TestLargestGapIsTheKSDistance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		x, y []float64
		want int
	}{
		{"equal", []float64{1, 2, 3}, []float64{1, 2, 3}, 0},
		{"apart", []float64{1, 2, 3}, []float64{4, 5, 6}, 3},
		{"apart the other way", []float64{4, 5, 6}, []float64{1, 2, 3}, 3},
		{"ties", []float64{1, 1, 2}, []float64{1, 2, 2}, 1},
		{"interleaved", []float64{1, 3, 5}, []float64{2, 4, 6}, 1},
	}
	for _, tt := range tests {
		if got := largestGap(tt.x, tt.y); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

package sequential

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func TestOnlineVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID     string
			Kind   string
			Digits string `json:"stream_digits"`
			Expect struct {
				PageHinkley []int `json:"page_hinkley_default_alarms"`
				ADWIN       []int `json:"adwin_default_alarms"`
			}
		}
	}
	// Other kinds hold other types under the same keys.
	var raw struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	for _, v := range raw.Vectors {
		var kind struct{ Kind string }
		if err := json.Unmarshal(v, &kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind == "online" {
			if err := json.Unmarshal(append(append([]byte(`{"Vectors":[`), v...), ']', '}'), &file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(file.Vectors) != 1 {
		t.Fatalf("%d vectors of kind online, want 1", len(file.Vectors))
	}
	for _, v := range file.Vectors {
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

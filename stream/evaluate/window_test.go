package evaluate

import "testing"

// The share of a window that lies after the grid began: warm-up, staleness and the
// learning of references all stand on it.
func TestWindow_FillCountsThePanesSinceTheGridBegan(t *testing.T) {
	t.Parallel()
	const since = 100
	for _, tt := range []struct {
		pane       int64
		filled     float64
		half, full bool
	}{
		{90, 0, false, false}, // the window ends before the grid began
		{99, 0, false, false},
		{100, 0.25, false, false},
		{101, 0.5, true, false},
		{102, 0.75, true, false},
		{103, 1, true, true},
		{500, 1, true, true},
	} {
		w := &window{pane: tt.pane, lengthMS: 4 * 60_000}
		w.fill(since, 60_000)
		if w.filled != tt.filled || w.half != tt.half || w.full != tt.full {
			t.Errorf("pane %d: filled %v, half %v, full %v; want %v, %v, %v", tt.pane, w.filled, w.half, w.full, tt.filled, tt.half, tt.full)
		}
	}
}

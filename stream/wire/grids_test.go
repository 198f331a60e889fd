package wire

import (
	"runtime"
	"sync"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func gridRecord(t *testing.T, name string, fromPane int64) []byte {
	t.Helper()
	f, err := sketches.NewNumeric(name, []float64{1, 2, 3, 4, 5, 6, 7, 8})
	if err != nil {
		t.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	return GridControl{Model: "m-" + name, FromPane: fromPane, Grid: g}.Encode()
}

func TestGrids_OneGridForAllReaders(t *testing.T) {
	t.Parallel()
	s := NewGrids()
	a, b := gridRecord(t, "a", 3), gridRecord(t, "b", 4)
	first, err := s.Decode(a)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			again, err := s.Decode(append([]byte(nil), a...))
			if err != nil || again.Grid != first.Grid || again.FromPane != first.FromPane {
				t.Errorf("decoded again: %+v, %v, want the same", again, err)
			}
			if other, err := s.Decode(b); err != nil || other.Grid == first.Grid || other.Model != "m-b" || other.FromPane != 4 {
				t.Errorf("another record: %+v, %v", other, err)
			}
		})
	}
	wg.Wait()
	if _, err := s.Decode(a[:len(a)-1]); err == nil {
		t.Error("a record that is cut short is accepted")
	}
	if g, err := (*Grids)(nil).Decode(a); err != nil || g.Grid == first.Grid || g.Grid.ID() != first.Grid.ID() {
		t.Errorf("without sharing: %+v, %v", g, err)
	}
	runtime.KeepAlive(first)
}

// A grid that nobody uses is given back, and its entry goes when the next is made.
func TestGrids_KeepNothingAlive(t *testing.T) {
	t.Parallel()
	s := NewGrids()
	for i := range int64(20) {
		if _, err := s.Decode(gridRecord(t, "a", i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		runtime.GC()
	}
	if _, err := s.Decode(gridRecord(t, "b", 0)); err != nil {
		t.Fatal(err)
	}
	if n := len(s.known); n > 2 {
		t.Errorf("%d entries are kept of 20 grids that nobody uses", n)
	}
}

package wire

import (
	"math"
	"testing"
)

func TestFold_KeepsItsShareOfHashes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rate  uint64
		below uint64
		all   bool
	}{
		{FullRate, 0, true}, {FullRate / 2, 1 << 63, false}, {FullRate / 4, 1 << 62, false},
		{1, 18_446_744_073, false}, {FullRate - 1, 18_446_744_055_262_807_542, false},
	} {
		k := Fold{Rate: tt.rate}.Keep()
		if k.All != tt.all || k.Below != tt.below {
			t.Errorf("rate %d: %+v, want below %d", tt.rate, k, tt.below)
		}
		if !tt.all && (k.Keeps(tt.below) || !k.Keeps(tt.below-1)) {
			t.Errorf("rate %d: the limit itself is kept, or what lies below is not", tt.rate)
		}
		if tt.all && !k.Keeps(math.MaxUint64) {
			t.Error("the full rate leaves something out")
		}
	}
	half, all := Fold{Rate: FullRate / 2}.Keep(), Fold{Rate: FullRate}.Keep()
	if !all.More(half) || half.More(all) || half.More(half) || all.More(all) {
		t.Error("all keeps more than half, and nothing keeps more than itself")
	}
}

// The newest record decides from its pane on, also where it names an earlier pane than
// the one before it; a number that does not ascend is refused.
func TestView_TheFoldOfAPane(t *testing.T) {
	t.Parallel()
	v := NewView(CollectSide)
	add := func(offset int64, f Fold) bool {
		c := Control{Kind: "fold", ID: "main", Seq: int64(f.Number)*100 + offset, Value: f.Encode()}
		_, ok := v.Add(offset, []byte(c.Key()), c.Value)
		return ok
	}
	if f := v.Fold(5); f.Number != 0 || f.Rate != FullRate || v.Folds() {
		t.Errorf("without control: %+v", f)
	}
	for i, f := range []Fold{{Number: 1, FromPane: 10, Rate: FullRate / 2}, {Number: 2, FromPane: 20, Rate: FullRate}, {Number: 4, FromPane: 15, Rate: 7}} {
		if !add(int64(i), f) {
			t.Fatalf("%+v is refused", f)
		}
	}
	for _, n := range []int32{4, 3} {
		if add(9, Fold{Number: n, FromPane: 30, Rate: 1}) {
			t.Errorf("fold %d is taken after fold 4", n)
		}
	}
	for pane, want := range map[int64]int32{9: 0, 10: 1, 14: 1, 15: 4, 25: 4} {
		if got := v.Fold(pane); got.Number != want {
			t.Errorf("pane %d: fold %d, want %d", pane, got.Number, want)
		}
	}
	for pane, want := range map[int64]int64{9: 0, 10: 1, 15: 3, 20: 3} {
		if got := v.CollectSince(pane); got != want {
			t.Errorf("pane %d: claims need control up to %d, want %d", pane, got, want)
		}
	}
	if f, ok := v.NewestFold(); !ok || f.Number != 4 {
		t.Errorf("newest %+v, %v", f, ok)
	}
}

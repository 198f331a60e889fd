package performance

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
)

var threeClasses = Classes{Kind: Multiclass, Names: []string{"a", "b", "c"}}

// TestOutcomes_AnyTreeOfMergesIsEqual is M1.
func TestOutcomes_AnyTreeOfMergesIsEqual(t *testing.T) {
	t.Parallel()
	for _, c := range []Classes{twoClasses, threeClasses} {
		for run := range 20 {
			d := newDraws(21, uint64(run))
			whole := outcomes(t, c)
			parts := make([]*Outcomes, 1+d.intn(6))
			for i := range parts {
				parts[i] = outcomes(t, c)
			}
			for range 500 {
				r := d.anyRow(c)
				whole.Add(r)
				parts[d.intn(len(parts))].Add(r)
			}
			first := parts[0].Clone()
			for len(parts) > 1 { // merge any two, until one is left
				i := d.intn(len(parts))
				p := parts[i]
				parts = append(parts[:i], parts[i+1:]...)
				if err := parts[d.intn(len(parts))].Merge(p); err != nil {
					t.Fatal(err)
				}
			}
			if !parts[0].Equal(whole) {
				t.Fatalf("run %d: the merged counts differ", run)
			}
			again := whole.Clone()
			if err := errors.Join(again.Subtract(first), again.Merge(first)); err != nil || !again.Equal(whole) {
				t.Fatalf("run %d: subtract and merge: %v", run, err)
			}
			got, err := DecodeOutcomes(whole.Encode())
			if err != nil || !got.Equal(whole) {
				t.Fatalf("run %d: decoded counts differ: %v", run, err)
			}
		}
	}
}

// TestOutcomes_EveryPredictionIsInOneCounter is M2.
func TestOutcomes_EveryPredictionIsInOneCounter(t *testing.T) {
	t.Parallel()
	yesRow := binaryRow(0.7, true)
	edit := func(f func(*Scored)) Scored { r := yesRow; f(&r); return r }
	for _, tt := range []struct {
		name string
		row  Scored
		want func(o *Outcomes) uint64
	}{
		{"a score in a cell", yesRow, func(o *Outcomes) uint64 { return o.row(1, 1).cells[700] }},
		{"a score of 1", edit(func(r *Scored) { r.Score = 1 }), func(o *Outcomes) uint64 { return o.row(1, 1).cells[999] }},
		{"no label", edit(func(r *Scored) { r.HasLabel = false }), func(o *Outcomes) uint64 { return o.Unlabelled }},
		{"a strange label", edit(func(r *Scored) { r.Label = "maybe" }), func(o *Outcomes) uint64 { return o.StrangeLabel }},
		{"no class", edit(func(r *Scored) { r.HasClass = false }), func(o *Outcomes) uint64 { return o.NoClass }},
		{"a strange class", edit(func(r *Scored) { r.Predicted = "maybe" }), func(o *Outcomes) uint64 { return o.row(2, 1).cells[700] }},
		{"no score", edit(func(r *Scored) { r.HasScore = false }), func(o *Outcomes) uint64 { return o.row(1, 1).null }},
		{"NaN", edit(func(r *Scored) { r.Score = math.NaN() }), func(o *Outcomes) uint64 { return o.row(1, 1).nan }},
		{"above 1", edit(func(r *Scored) { r.Score = 1.01 }), func(o *Outcomes) uint64 { return o.row(1, 1).out }},
		{"infinite", edit(func(r *Scored) { r.Score = math.Inf(1) }), func(o *Outcomes) uint64 { return o.row(1, 1).out }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := outcomes(t, twoClasses, tt.row)
			if got := tt.want(o); got != 1 || o.Predicted() != 1 {
				t.Errorf("counter %d, predicted %d, want 1 and 1", got, o.Predicted())
			}
			if err := o.Remove(tt.row); err != nil || o.Predicted() != 0 {
				t.Errorf("remove: %v, %d left", err, o.Predicted())
			}
			before := o.Clone()
			if err := o.Remove(tt.row); !errors.Is(err, sketches.ErrNegative) || !o.Equal(before) {
				t.Errorf("remove once more: %v", err)
			}
		})
	}
	d := newDraws(5, 0)
	for _, c := range []Classes{twoClasses, threeClasses} {
		o := outcomes(t, c)
		for range 3000 {
			o.Add(d.anyRow(c))
		}
		null, nan, out := o.Beside()
		a := o.Answers()
		if o.Predicted() != 3000 || o.Unlabelled == 0 || o.StrangeLabel == 0 || o.NoClass == 0 || null == 0 || nan == 0 || out == 0 ||
			a.Rows()+null+nan+out != o.Labelled() {
			t.Errorf("%d predictions of 3000; unlabelled %d, strange %d, no class %d, null %d, NaN %d, outside %d, answers %d",
				o.Predicted(), o.Unlabelled, o.StrangeLabel, o.NoClass, null, nan, out, a.Rows())
		}
	}
}

func TestOutcomes_ErrorsChangeNothing(t *testing.T) {
	t.Parallel()
	a, b := outcomes(t, twoClasses, binaryRow(0.2, false)), outcomes(t, twoClasses, binaryRow(0.2, false), binaryRow(0.8, true))
	before := a.Clone()
	if err := a.Subtract(b); !errors.Is(err, sketches.ErrNegative) || !a.Equal(before) {
		t.Errorf("subtract more than there is: %v", err)
	}
	if err := a.Merge(outcomes(t, threeClasses)); !errors.Is(err, sketches.ErrGridMismatch) || !a.Equal(before) {
		t.Errorf("merge other classes: %v", err)
	}
	other := twoClasses
	other.Positive = "no"
	if err := a.Merge(outcomes(t, other)); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("merge another positive class: %v", err)
	}
	same, lower := outcomes(t, twoClasses, binaryRow(0.2009, true)), outcomes(t, twoClasses, binaryRow(0.2001, true))
	if err := lower.Subtract(same); !errors.Is(err, sketches.ErrNegative) {
		t.Errorf("subtract another score of the same cell: %v", err)
	}
	a.Unlabelled, b.Unlabelled = math.MaxUint64, 1
	before = a.Clone()
	if err := a.Merge(b); !errors.Is(err, sketches.ErrOverflow) || !a.Equal(before) {
		t.Errorf("overflow: %v", err)
	}
}

func TestOutcomes_ACorrectionIsARemoveAndAnAdd(t *testing.T) {
	t.Parallel()
	o := outcomes(t, twoClasses, binaryRow(0.3, false), binaryRow(0.9, false))
	if err := o.Remove(binaryRow(0.9, false)); err != nil {
		t.Fatal(err)
	}
	o.Add(binaryRow(0.9, true))
	if want := outcomes(t, twoClasses, binaryRow(0.9, true), binaryRow(0.3, false)); !o.Equal(want) {
		t.Error("the corrected counts differ from those counted rightly at once")
	}
}

func TestClasses_Validate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Classes{
		"no kind":               {Names: []string{"a", "b"}},
		"one class":             {Kind: Multiclass, Names: []string{"a"}},
		"three for binary":      {Kind: Binary, Names: []string{"a", "b", "c"}, Positive: "a"},
		"positive is not there": {Kind: Binary, Names: []string{"a", "b"}, Positive: "c"},
		"positive of many":      {Kind: Multiclass, Names: []string{"a", "b"}, Positive: "a"},
		"order":                 {Kind: Multiclass, Names: []string{"b", "a"}},
		"twice":                 {Kind: Multiclass, Names: []string{"a", "a"}},
		"too many":              {Kind: Multiclass, Names: make([]string, 33)},
		"too long a name":       {Kind: Multiclass, Names: []string{"a", string(make([]byte, 300))}},
	} {
		if _, err := NewOutcomes(c); !errors.Is(err, ErrBadInput) {
			t.Errorf("%s: error %v, want ErrBadInput", name, err)
		}
	}
}

// TestEncode_GoldenBytes: bytes once written must be readable for ever.
func TestEncode_GoldenBytes(t *testing.T) {
	t.Parallel()
	o := outcomes(t, twoClasses, binaryRow(0.25, false), binaryRow(0.25, true), binaryRow(1, true))
	strange := binaryRow(0.5, true)
	strange.Label = "maybe"
	o.Add(strange)
	o.Unlabelled = 300
	const want = "010102026e6f0379657303796573ac02010000000001fa010100000001fa01010000000000000001e70701000000000000000080bcc1960b80f985d404e2e9b6bc0c"
	if got := hex.EncodeToString(o.Encode()); got != want {
		t.Errorf("encoded as\n%s, want\n%s", got, want)
	}
	b, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeOutcomes(b); err != nil || !back.Equal(o) {
		t.Errorf("the golden bytes decode otherwise: %v", err)
	}
	o.lossSum = sketches.Int128From(-1)
	if _, err := DecodeOutcomes(o.Encode()); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a negative sum of losses: %v", err)
	}
	o.lossSum, o.scoreSum = sketches.Int128{}, sketches.Int128From(3*nano+1)
	if _, err := DecodeOutcomes(o.Encode()); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a sum above all scores: %v", err)
	}
}

func FuzzDecodeOutcomes(f *testing.F) {
	f.Add(outcomes(f, twoClasses, binaryRow(0.2, true), binaryRow(0.999, true)).Encode())
	f.Add(outcomes(f, threeClasses).Encode())
	f.Add([]byte{1, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := DecodeOutcomes(b)
		if err != nil {
			return
		}
		if string(o.Encode()) != string(b) {
			t.Errorf("%x decodes, but is encoded as %x", b, o.Encode())
		}
	})
}

func TestDecodeOutcomes_RefusesOtherBytes(t *testing.T) {
	t.Parallel()
	good := outcomes(t, twoClasses, binaryRow(0.2, true)).Encode()
	for i := range good {
		if o, err := DecodeOutcomes(good[:i]); err == nil {
			t.Errorf("%d of %d bytes decode: %+v", i, len(good), o)
		}
	}
	if _, err := DecodeOutcomes(append(good, 0)); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := DecodeOutcomes(append([]byte{9}, good[1:]...)); !errors.Is(err, sketches.ErrSchema) {
		t.Errorf("another schema: %v", err)
	}
}

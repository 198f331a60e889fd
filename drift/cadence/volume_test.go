package cadence

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

const week = 7 * dayMS

// poisson draws counts for means up to a few thousand.
func poisson(rng *rand.Rand, mean float64) uint64 {
	if mean > 500 {
		return uint64(max(0, math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	n, p, limit := uint64(0), 1.0, math.Exp(-mean)
	for p *= rng.Float64(); p > limit; p *= rng.Float64() {
		n++
	}
	return n
}

// learn adds so many hours of a law from time 0 on.
func learn(t testing.TB, hours int64, rows func(h int64) (uint64, bool)) *Volume {
	t.Helper()
	v, err := NewVolume(hour, week)
	if err != nil {
		t.Fatal(err)
	}
	for h := range hours {
		n, known := rows(h)
		if err := v.Add(h*hour, n, known); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func steady(h int64) (uint64, bool) { return 100, true }

func TestVolume_NothingIsExpectedBeforeThreeWeeks(t *testing.T) {
	t.Parallel()
	for hours, want := range map[int64]bool{0: false, 24: false, 3*168 - 1: false, 3 * 168: true, 5 * 168: true} {
		v := learn(t, hours, steady)
		e, ok := v.Expect(hours*hour, (hours+24)*hour)
		// 24 hours ahead are the same hours of weeks before, all known from the third week on.
		if hours == 3*168-1 {
			e, ok = v.Expect((hours-1)*hour, hours*hour)
		}
		if ok != want || ok && e.Rows != 2400 {
			t.Errorf("after %d hours: %+v, %v; want %v", hours, e, ok, want)
		}
		if _, known := v.Quiet(hours*hour, (hours+1)*hour); known != want && hours != 3*168-1 {
			t.Errorf("after %d hours: known %v", hours, known)
		}
	}
}

// Hours that teach nothing, those forgotten and those that a gap left out stand in no
// expectation (A1), and older weeks take their place.
func TestVolume_UnknownHoursTeachNothing(t *testing.T) {
	t.Parallel()
	v := learn(t, 6*168, func(h int64) (uint64, bool) {
		if h >= 4*168 && h < 4*168+10 {
			return 0, false
		}
		return 100, true
	})
	v.Forget((5*168+3)*hour, (5*168+5)*hour)
	for h := int64(6 * 168); h < 6*168+12; h++ {
		e, ok := v.Expect(h*hour, (h+1)*hour)
		if !ok || e.Rows != 100 || e.Low != 100 || e.High != 100 {
			t.Errorf("hour %d: %+v, %v; want 100 of known weeks alone", h, e, ok)
		}
	}
	if err := v.Add(2*hour, 1, true); err == nil {
		t.Error("an hour of the past was added")
	}
	before := v.Encode()
	v.Forget(-5*week, -4*week)
	if !bytes.Equal(before, v.Encode()) {
		t.Error("forgetting what is not kept changes something")
	}
	// A gap: what was left out is not known.
	must(t, v.Add(8*week, 100, true))
	if _, ok := v.sum(7*168, 1); ok {
		t.Error("a gap is known")
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An hour made of parts counts once all of them are there.
func TestVolume_UnitsOfSeveralParts(t *testing.T) {
	t.Parallel()
	v, err := NewVolume(4*minuteMS, week)
	must(t, err)
	if v.UnitMS() != hour {
		t.Fatalf("unit of %d ms, want an hour", v.UnitMS())
	}
	for i := range int64(3*15 + 1) {
		if i == 20 {
			continue // one part of the second hour is missing
		}
		must(t, v.Add(i*4*minuteMS, 2, true))
	}
	for unit, want := range map[int64]int64{0: 30, 1: -1, 2: 30, 3: -1} {
		got, ok := v.at(unit)
		if want < 0 && ok || want >= 0 && (got != want || !ok) {
			t.Errorf("hour %d: %d, %v; want %d", unit, got, ok, want)
		}
	}
	for part, unit := range map[int64]int64{minuteMS: hour, hour: hour, 24 * hour: 24 * hour, 5 * hour: 5 * hour} {
		if v, err := NewVolume(part, week); err != nil || v.UnitMS() != unit {
			t.Errorf("parts of %d: %v, %v; want units of %d", part, v, err, unit)
		}
	}
	for _, bad := range [][2]int64{{0, 1}, {1, 0}, {2, 1}} {
		if _, err := NewVolume(bad[0], bad[1]); err == nil {
			t.Errorf("parts of %d in weeks of %d: accepted", bad[0], bad[1])
		}
	}
}

// Merged counts are those of one reader of both inputs (A3), in any order and split.
func TestVolume_MergeIsTheSumOfBoth(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 3))
	for range 20 {
		hours := 1 + rng.Int64N(1200)
		parts := make([]*Volume, 3)
		var err error
		whole, _ := NewVolume(hour, week)
		for i := range parts {
			parts[i], err = NewVolume(hour, week)
			must(t, err)
		}
		for h := range hours {
			total, known := uint64(0), true
			for _, v := range parts {
				n, ok := uint64(rng.IntN(50)), rng.IntN(30) > 0
				must(t, v.Add(h*hour, n, ok))
				total, known = total+n, known && ok
			}
			must(t, whole.Add(h*hour, total, known))
		}
		order := rng.Perm(3)
		sum := parts[order[0]]
		must(t, sum.Merge(parts[order[1]]))
		must(t, sum.Merge(parts[order[2]]))
		if !bytes.Equal(sum.Encode(), whole.Encode()) {
			t.Fatal("merged and whole differ")
		}
	}
	a, b := learn(t, 3, steady), learn(t, 4, steady)
	if a.Merge(b) == nil {
		t.Error("volumes that have come differently far add up")
	}
	c, _ := NewVolume(2*hour, week)
	if a.Merge(c) == nil {
		t.Error("volumes of other units add up")
	}
}

func TestVolume_CodecKeepsEverything(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 4))
	for range 50 {
		v, err := NewVolume((1+rng.Int64N(90))*minuteMS, week)
		must(t, err)
		at := rng.Int64N(1000) * v.UnitMS()
		for range rng.IntN(2000) {
			must(t, v.Add(at, uint64(rng.IntN(3)*rng.IntN(1000)), rng.IntN(20) > 0))
			at += v.PartMS() * (1 + rng.Int64N(2)*rng.Int64N(2))
		}
		b := v.Encode()
		got, err := DecodeVolume(b)
		must(t, err)
		if !bytes.Equal(got.Encode(), b) || got.newest != v.newest || got.got != v.got {
			t.Fatal("decoded and encoded again, the bytes differ")
		}
		for u := v.newest - int64(len(v.rows)) - 2; u <= v.newest+1; u++ {
			a, ok := v.at(u)
			b, same := got.at(u)
			if a != b || ok != same {
				t.Fatalf("unit %d: %d, %v and %d, %v", u, a, ok, b, same)
			}
		}
	}
	if b := learn(t, 6*168, steady).Encode(); len(b) > 40 {
		t.Errorf("steady traffic takes %d bytes", len(b))
	}
}

func FuzzDecodeVolume(f *testing.F) {
	f.Add(learn(f, 700, steady).Encode())
	f.Add(learn(f, 30, func(h int64) (uint64, bool) { return uint64(h * h), h%5 > 0 }).Encode())
	f.Add([]byte{volumeSchema})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeVolume(b)
		if err != nil {
			if !errors.Is(err, sketches.ErrCorrupt) && !errors.Is(err, sketches.ErrSchema) {
				t.Fatalf("%v is none of the errors that callers tell apart", err)
			}
			return
		}
		if got := v.Encode(); !bytes.Equal(got, b) {
			t.Fatalf("accepted %x, which encodes to %x", b, got)
		}
		v.Overdue(v.newest*v.unitMS, (v.newest+3)*v.unitMS)
	})
}

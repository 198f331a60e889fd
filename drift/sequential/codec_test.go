package sequential

import (
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

var update = flag.Bool("update", false, "rewrite golden files")

// smallPlan does not hang on floating-point functions, so its bytes are the same
// everywhere.
func smallPlan() *Plan {
	return &Plan{
		Grid: sketches.HashFields([]byte("grid")), Threshold: 7_800_000_000, Cooldown: 5,
		Paths: []Path{
			{Feature: 0, Kind: MeanUp, Effect: 0.25, Scale: 1000, Handicap: 150_000_000},
			{Feature: 0, Kind: Wider, Effect: 2, Scale: 9526},
			{Feature: 3, Kind: ShareDown, Effect: 2, Bin: 4, Scale: 1000},
		},
		Report: Report{Basis: Resampled, TargetPanes: 43200, Alarms: 1012, Simulated: 43_200_000, BlockPanes: 288, HistoryPanes: 100_000, Replicates: 40, Dropped: 2, Seed: 7},
	}
}

func smallTrack(p *Plan, panes int) *Track {
	tr := NewTrack(p, 3)
	d := generate.NewSequence(1, 1)
	for range panes {
		tr.Push([]int64{int64(d.Below(1000)) * 1e6, int64(d.Below(3000)-1500) * 1e6, int64(d.Below(2000)-1500) * 1e6})
	}
	return tr
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %x, want %x", name, got, want)
	}
}

func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	p := smallPlan()
	golden(t, "plan.v1.golden", p.Encode())
	golden(t, "track.v1.golden", smallTrack(p, 12).Encode())
	golden(t, "track_empty.v1.golden", NewTrack(p, 0).Encode())
}

func TestDecodeGivesBackWhatWasEncoded(t *testing.T) {
	t.Parallel()
	p := smallPlan()
	back, err := DecodePlan(p.Encode())
	if err != nil || !reflect.DeepEqual(back, p) {
		t.Fatalf("plan %+v, want %+v (%v)", back, p, err)
	}
	for panes := range 40 {
		tr := smallTrack(p, panes)
		got, err := DecodeTrack(p, tr.Encode())
		if err != nil {
			t.Fatalf("%d panes: %v", panes, err)
		}
		if !reflect.DeepEqual(got.now, tr.now) || !reflect.DeepEqual(got.base, tr.base) || got.Oldest() != tr.Oldest() {
			t.Fatalf("%d panes: state %+v, want %+v", panes, got.now, tr.now)
		}
		inc := []int64{nano, nano, nano}
		tr.Push(inc)
		got.Push(inc)
		if !slices.Equal(got.Encode(), tr.Encode()) {
			t.Fatalf("%d panes: the two go different ways", panes)
		}
	}
}

func TestDecodersRefuse(t *testing.T) {
	t.Parallel()
	p := smallPlan()
	other := smallPlan()
	other.Threshold++
	state := smallTrack(p, 9).Encode()
	if _, err := DecodeTrack(other, state); !errors.Is(err, ErrBadState) {
		t.Errorf("state of another plan: %v", err)
	}
	if _, err := DecodePlan(state); !errors.Is(err, sketches.ErrNotFrame) {
		t.Errorf("a state for a plan: %v", err)
	}
	broken := slices.Clone(state)
	broken[len(broken)/2] ^= 1
	if _, err := DecodeTrack(p, broken); !errors.Is(err, sketches.ErrChecksum) {
		t.Errorf("a flipped bit: %v", err)
	}
	_, _, body, err := sketches.Unframe(state)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(body) {
		if _, err := DecodeTrack(p, sketches.Frame(sketches.FrameSequentialState, trackSchema, body[:n])); err == nil {
			t.Fatalf("accepted %d of %d bytes", n, len(body))
		}
	}
	if _, err := DecodeTrack(p, sketches.Frame(sketches.FrameSequentialState, 9, body)); !errors.Is(err, sketches.ErrSchema) {
		t.Errorf("a schema of the future: %v", err)
	}
	bad := smallPlan()
	bad.Threshold, bad.Paths[1].Scale, bad.Paths[2].Feature = 0, 10, -1
	if err := bad.Validate(); !errors.Is(err, ErrBadPlan) || len(err.(interface{ Unwrap() []error }).Unwrap()) != 3 {
		t.Errorf("three faults: %v", err)
	}
	bad.Paths[2].Feature = 5
	if _, err := DecodePlan(bad.Encode()); !errors.Is(err, ErrBadPlan) && !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a plan with faults: %v", err)
	}
}

func FuzzDecodePlan(f *testing.F) {
	f.Add(smallPlan().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(b []byte) {
			if p, err := DecodePlan(b); err == nil && !slices.Equal(p.Encode(), b) {
				t.Fatalf("accepted %x, which encodes to %x", b, p.Encode())
			}
		}
		check(b)
		check(sketches.Frame(sketches.FrameSequentialPlan, planSchema, b)) // past the checksum
		if _, _, body, err := sketches.Unframe(b); err == nil {
			check(sketches.Frame(sketches.FrameSequentialPlan, planSchema, body))
		}
	})
}

func FuzzDecodeTrack(f *testing.F) {
	p := smallPlan()
	for _, panes := range []int{0, 2, 9, 30} {
		f.Add(smallTrack(p, panes).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(b []byte) {
			tr, err := DecodeTrack(p, b)
			if err != nil {
				return
			}
			if !slices.Equal(tr.Encode(), b) {
				t.Fatalf("accepted %x, which encodes to %x", b, tr.Encode())
			}
			tr.Push([]int64{limit, -limit, nano}) // what was accepted can be worked with
		}
		check(b)
		check(sketches.Frame(sketches.FrameSequentialState, trackSchema, b))
		if _, _, body, err := sketches.Unframe(b); err == nil {
			check(sketches.Frame(sketches.FrameSequentialState, trackSchema, body))
		}
	})
}

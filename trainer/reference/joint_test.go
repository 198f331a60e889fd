package reference_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

func jointSpec(features int) reference.Spec {
	s := earlySpec(features)
	s.Early = reference.Early{}
	s.WindowsMS = []int64{dayMS, 7 * dayMS}
	s.Joint = reference.Joint{Alarms: 0.25, PaneMS: 60_000, SlotMS: hourMS}
	return s
}

func TestBuild_CalibratesAllFeaturesTogether(t *testing.T) {
	t.Parallel()
	rows := dense(12*24, 20, 3) // twelve days
	res := build(t, jointSpec(3), rows)
	j := res.Reference.Joint
	if j == nil || !res.NewJoint || res.Embedding() == nil || j.Sums.Rows != uint64(len(rows)) {
		t.Fatalf("joint part %+v, new %v: %s", j, res.NewJoint, res.WhyJoint)
	}
	day, _ := j.Of(dayMS)
	if day.Law == nil || day.StepMS != hourMS || day.Law.Rows != 20 || len(day.Law.Limits) != 1 || day.Law.Paths[0].Panes != 24 {
		t.Errorf("law of a day %+v", day)
	}
	// A quarter of a false alarm a month of 720 hourly tests.
	if target := day.Law.Limits[0].Target; target != 2880 {
		t.Errorf("a false alarm in %g tests, want 2880", target)
	}
	if alarms := day.Law.Limits[0].Alarms; alarms < 15 {
		t.Errorf("the limit rests on %d resampled alarms", alarms)
	}
	week, _ := j.Of(7 * dayMS)
	if week.Law != nil || !strings.Contains(week.Why, "fewer than 96") {
		t.Errorf("twelve days hold no law for weeks: %+v", week)
	}
	raw := res.Reference.Encode()
	again, err := wire.DecodeReference(raw, func(string, sketches.ID) (*sketches.Grid, bool) { return res.Grid, true })
	if err != nil || !bytes.Equal(again.Encode(), raw) {
		t.Errorf("the reference does not read back: %v", err)
	}
	if other := build(t, jointSpec(3), rows); other.Reference.ID() != res.Reference.ID() {
		t.Error("the same rows give another part")
	}
}

// A grid that is kept keeps its embedding: windows that are being filled stay comparable.
func TestBuild_AKeptGridKeepsItsEmbedding(t *testing.T) {
	t.Parallel()
	first := build(t, jointSpec(2), dense(10*24, 20, 2))
	s := jointSpec(2)
	s.Keep, s.KeepJoint = first.Grid, first.Embedding()
	second := build(t, s, dense(11*24, 18, 2))
	if second.NewGrid || second.NewJoint || second.Embedding().ID() != first.Embedding().ID() {
		t.Errorf("new grid %v, new embedding %v", second.NewGrid, second.NewJoint)
	}
	s.KeepJoint = nil // a grid of before there were any
	if third := build(t, s, dense(11*24, 18, 2)); third.NewGrid || !third.NewJoint {
		t.Errorf("new grid %v, new embedding %v: the grid must be sent with one", third.NewGrid, third.NewJoint)
	}
}

func TestBuild_SaysWhyThereIsNoLaw(t *testing.T) {
	t.Parallel()
	none, unordered := jointSpec(2), jointSpec(2)
	none.Joint = reference.Joint{}
	unordered.Ordered = false
	plain := jointSpec(2)
	plain.Joint = reference.Joint{}
	rows := dense(10*24, 20, 2)
	fast, slow := jointSpec(2), jointSpec(2)
	fast.Joint.MaxRate, slow.Joint.MaxRate = 0.0001, 1000
	if res := build(t, fast, rows); res.Reference.Joint != nil || !strings.Contains(res.WhyJoint, "rows a second, above 0") {
		t.Errorf("rows that come too fast: %q", res.WhyJoint)
	}
	if res := build(t, slow, rows); res.Reference.Joint == nil {
		t.Errorf("rows that come slowly: %q", res.WhyJoint)
	}
	if res := build(t, none, rows); res.Reference.Joint != nil || res.NewJoint || res.WhyJoint == "" || !bytes.Equal(res.Reference.Encode(), build(t, plain, rows).Reference.Encode()) {
		t.Errorf("nobody asked: %+v", res.WhyJoint)
	}
	res := build(t, unordered, rows)
	if l, _ := res.Reference.Joint.Of(dayMS); l.Law != nil || !strings.Contains(l.Why, "no order in time") {
		t.Errorf("rows without order: %+v", l)
	}
	if res := build(t, jointSpec(130), dense(24*5, 2, 130)); res.Reference.Joint != nil || !strings.Contains(res.WhyJoint, "130 coordinates") {
		t.Errorf("more features than are looked at together: %s", res.WhyJoint)
	}
}

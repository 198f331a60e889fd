package trainer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

var update = flag.Bool("update", false, "write golden files that are missing")

func regions() wire.Segments {
	return wire.Segments{{Name: "region", Values: []string{"eu", "us"}}}
}

// byHour puts a third of the hours into eu and two thirds into us.
func byHour(hour int) string {
	if hour%3 == 0 {
		return `{"region":"eu"}`
	}
	return `{"region":"us"}`
}

// sent are the grids and references that were sent, in order, each reference on the grid
// sent before it.
func (w *world) sent() (grids []wire.GridControl, refs []wire.Reference) {
	w.t.Helper()
	rows, err := w.store.PendingOutbox(w.ctx, 1000)
	w.check(err)
	for _, o := range rows {
		if o.Kind != controlGrid && o.Kind != controlReference {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(o.Payload)
		w.check(err)
		if o.Kind == controlGrid {
			g, err := wire.DecodeGridControl(b)
			w.check(err)
			grids = append(grids, g)
			continue
		}
		ref, err := wire.DecodeReference(b, func(_ string, id sketches.ID) (*sketches.Grid, bool) {
			i := slices.IndexFunc(grids, func(g wire.GridControl) bool { return g.Grid.ID() == id })
			return grids[max(i, 0)].Grid, i >= 0
		})
		w.check(err)
		refs = append(refs, ref)
	}
	return grids, refs
}

// told are the reasons of the references that lifecycle events told of.
func (w *world) told() (reasons []string) {
	w.t.Helper()
	rows, err := w.store.PendingOutbox(w.ctx, 1000)
	w.check(err)
	for _, o := range rows {
		if o.Kind == toldReference {
			var l Lifecycle
			w.check(json.Unmarshal([]byte(o.Payload), &l))
			reasons = append(reasons, l.Reason)
		}
	}
	return reasons
}

// addUp fails unless the parts of a reference are its rows, divided.
func addUp(t *testing.T, ref wire.Reference) {
	t.Helper()
	if !reference.SegmentsOf(ref).Equal(regions()) {
		t.Fatalf("the reference of version %s has parts of %v", ref.Version, reference.SegmentsOf(ref))
	}
	sum := sketches.NewCounts(ref.Counts.Grid)
	for _, p := range ref.Parts {
		if err := sum.Merge(p.Counts); err != nil {
			t.Fatal(err)
		}
		if len(p.Blocks) != len(ref.Blocks) {
			t.Errorf("%s has %d lengths with blocks, the whole %d", p.Segment, len(p.Blocks), len(ref.Blocks))
		}
	}
	if !reflect.DeepEqual(sum, ref.Counts) || ref.Parts[1].Counts.Rows != 2*ref.Parts[0].Counts.Rows || ref.Parts[0].Counts.Rows == 0 {
		t.Errorf("parts of %d and %d rows, the whole has %d; or cells differ", ref.Parts[0].Counts.Rows, ref.Parts[1].Counts.Rows, ref.Counts.Rows)
	}
}

// The references of versions have parts, retrain by retrain, and the grid's records name
// their segments.
func TestSegments_OutliveEveryPromotion(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.spec.Segments, w.segments = regions(), byHour
		tr := w.trainer("one")
		w.days(0, 15, byA)
		w.settle(tr)
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainProbation)
		grids, refs := w.sent()
		if len(refs) != 2 || refs[1].Version != "2" {
			t.Fatalf("%d references were sent", len(refs))
		}
		for _, ref := range refs {
			addUp(t, ref)
		}
		for _, g := range grids {
			if !g.Segments.Equal(regions()) {
				t.Errorf("a grid was sent with segments %v", g.Segments)
			}
		}
		if refs[0].Counts.Grid.ID() == refs[1].Counts.Grid.ID() && len(grids) != 1 {
			t.Errorf("%d records of one grid whose segments never changed", len(grids))
		}
		for _, why := range w.told() {
			if strings.Contains(why, "learning") {
				t.Errorf("%q", why)
			}
		}
		// A run's rows know their segments too.
		_, rows, err := RunRows(w.ctx, s, tr.cfg.Artifacts, tr.cfg.ArtifactRoot, testModel, w.rows()[1].RunID, regions())
		w.check(err)
		m := reference.NewMembers(regions())
		for _, r := range rows {
			hour := int(r.TimeMS / 3_600_000 % 24)
			if want := map[bool]int{true: 0, false: 1}[hour%3 == 0]; m.Value(r.In, 0) != want {
				t.Fatalf("row of hour %d is in segment %d, want %d", hour, m.Value(r.In, 0), want)
			}
		}
	})
}

// Segments that are declared later come with the next version, on the grid there is. The
// version before knows none: back in force it has parts without rows, and this is said.
func TestSegments_DeclaredLaterAndAVersionThatKnowsNone(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	first, ok := manifestOf(w.rows()[0])
	if !ok || first.Segments != nil {
		t.Fatalf("the first data set has segments %v", first.Segments)
	}
	w.spec.Segments, w.segments = regions(), byHour
	w.spec.WindowMS = 20 * dayMS // rows of the history before, which know no segments, stay out
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
	grids, refs := w.sent()
	if len(refs) != 2 || len(refs[0].Parts) != 0 {
		t.Fatalf("%d references, the first with %d parts", len(refs), len(refs[0].Parts))
	}
	addUp(t, refs[1])
	last := grids[len(grids)-1]
	if len(grids) != 2 || len(grids[0].Segments) != 0 || !last.Segments.Equal(regions()) || last.Grid.ID() != refs[1].Counts.Grid.ID() {
		t.Errorf("%d grids, the last with segments %v", len(grids), last.Segments)
	}
	w.days(36, 44, byA) // the world turns back
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainRolledBack)
	again, refs := w.sent()
	back := refs[len(refs)-1]
	if back.Version != "1" || !reference.SegmentsOf(back).Equal(regions()) || back.Parts[0].Counts.Rows+back.Parts[1].Counts.Rows != 0 || back.Counts.Rows != 14*24 {
		t.Errorf("version %s over %d rows with parts %v", back.Version, back.Counts.Rows, reference.SegmentsOf(back))
	}
	if len(again) != len(grids) {
		t.Errorf("%d more grids were sent, the segments in force are the same", len(again)-len(grids))
	}
	told := w.told()
	if n := len(told); n != 3 || !strings.Contains(told[2], "tell of no segment") || strings.Contains(told[1], "learning") {
		t.Errorf("told: %q", told)
	}
}

// Without the declaration the next reference has no parts, and its grid counts none.
func TestSegments_GoWithTheirDeclaration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t))
	w.spec.Segments, w.segments = regions(), byHour
	tr := w.trainer("one")
	w.days(0, 15, byA)
	w.settle(tr)
	w.spec.Segments = nil
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	grids, refs := w.sent()
	if len(refs) != 2 || len(refs[1].Parts) != 0 || len(grids) != 2 || len(grids[1].Segments) != 0 {
		t.Fatalf("%d references, %d grids", len(refs), len(grids))
	}
	w.spec.Segments = regions()
	w.days(36, 44, byA) // version 1 comes back, with the reference it had
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainRolledBack)
	grids, refs = w.sent()
	addUp(t, refs[2])
	if last := grids[len(grids)-1]; len(grids) != 3 || !last.Segments.Equal(regions()) {
		t.Errorf("%d grids, the last with segments %v", len(grids), last.Segments)
	}
}

// Data sets that were stored once are read for ever: 1 is from before segments, 2 has
// them.
func TestDataset_ReadsWhatWasStored(t *testing.T) {
	t.Parallel()
	plain, _ := sample(t)
	parted, _ := sampleWith(t, []string{"plan", "region"}, [][]string{nil, {"", "e,u\n"}})
	for _, c := range []struct {
		name string
		want Manifest
		rows [][]string
	}{
		{"dataset1", plain, [][]string{nil, nil}},
		{"dataset2", parted, [][]string{nil, {"", "e,u\n"}}},
	} {
		file, list := filepath.Join("testdata", c.name+".csv.gz"), filepath.Join("testdata", c.name+".json")
		if _, err := os.Stat(file); *update && os.IsNotExist(err) {
			_, body := sampleWith(t, c.want.Segments, c.rows)
			text, err := json.Marshal(c.want)
			if err != nil {
				t.Fatal(err)
			}
			for name, b := range map[string][]byte{file: body, list: text} {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		var m Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		d, err := loadDataset(m, bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(d.rows) != 2 || d.rows[0].id != "x\ny" || d.rows[1].x[1] != -0.25 || !slices.Equal(m.Segments, c.want.Segments) {
			t.Errorf("%s: rows %+v", c.name, d.rows)
		}
		for i, r := range d.rows {
			if !slices.Equal(r.segments, c.rows[i]) {
				t.Errorf("%s: row %d has segments %q, want %q", c.name, i, r.segments, c.rows[i])
			}
		}
		// A reference that declares others finds those that both know.
		rows := d.referenceRows(d.rows, wire.Segments{{Name: "plan", Values: []string{"a"}}, {Name: "region", Values: []string{"e,u\n"}}, {Name: "zone", Values: []string{"e,u\n"}}})
		m3 := reference.NewMembers(wire.Segments{{Name: "plan", Values: []string{"a"}}, {Name: "region", Values: []string{"e,u\n"}}, {Name: "zone", Values: []string{"e,u\n"}}})
		if got, want := m3.Value(rows[1].In, 1) == 0, c.rows[1] != nil; got != want || m3.Value(rows[1].In, 2) != -1 || rows[0].In != 0 {
			t.Errorf("%s: memberships %d and %d", c.name, rows[0].In, rows[1].In)
		}
	}
}

func TestSegmentTexts_ReadWhatTheHistoryKeeps(t *testing.T) {
	t.Parallel()
	s := newSegmentTexts(wire.Segments{{Name: "plan", Values: []string{"a"}}, {Name: "region", Values: []string{"eu"}}})
	for text, want := range map[string][]string{
		"": nil, `{"region":"moon","plan":"a"}`: {"a", "moon"}, `{"region":"eu"}`: {"", "eu"}, `{"zone":"x"}`: nil, "no JSON": nil,
	} {
		for range 2 {
			if got := s.of(text); !slices.Equal(got, want) || (got == nil) != (want == nil) {
				t.Errorf("%q: %q, want %q", text, got, want)
			}
		}
	}
	// Values that look like others when joined are kept apart.
	same := sharedTexts{}
	if a, b := same.of([]string{"a1:", "b"}), same.of([]string{"a", "1:b"}); slices.Equal(a, b) {
		t.Errorf("%q and %q", a, b)
	}
}

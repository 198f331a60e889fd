package wire

import (
	"errors"
	"testing"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
)

// form is one kind of record: how its bytes are read and written again, and values
// whose bytes are kept for ever.
type form struct {
	name    string
	kind    byte // of the frame; 0: canonical JSON
	again   func(b []byte) ([]byte, error)
	samples map[string][]byte
}

func sampleGrid(t testing.TB) *sketches.Grid {
	t.Helper()
	values := make([]float64, 20)
	for i := range values {
		values[i] = float64(i)
	}
	x, err := sketches.NewNumeric("x", values)
	must(t, err)
	s, err := sketches.NewCategorical("s", map[string]uint64{"a": 10, "b": 8, "c": 2}, 2)
	must(t, err)
	g, err := sketches.NewGrid([]sketches.FeatureGrid{x, s})
	must(t, err)
	return g
}

func sampleCounts(t testing.TB, rows int) *sketches.Counts {
	t.Helper()
	c := sketches.NewCounts(sampleGrid(t))
	for i := range rows {
		c.AddRow()
		c.Add(0, sketches.Number(float64(i%23)))
		c.Add(1, sketches.String("abcd"[i%4:][:1]))
	}
	return c
}

func sampleReference(t testing.TB) Reference {
	t.Helper()
	c := sampleCounts(t, 200)
	r := Reference{Model: "fraud", Version: "3", Kind: "training", FromMS: -5, ToMS: 1_767_225_600_000, Counts: c}
	bins := make([]int, len(c.Features))
	for i := range bins {
		_, bins[i] = c.Grid.Features[i].VerdictBins(&c.Features[i])
	}
	b, err := sketches.NewBlocks(3_600_000, bins)
	must(t, err)
	for k := range 4 {
		counts := make([][]uint64, len(bins))
		for i, n := range bins {
			counts[i] = make([]uint64, n)
			for j := range counts[i] {
				counts[i][j] = uint64(10 + j*k)
			}
		}
		must(t, b.AddBlock(counts))
	}
	r.Blocks = []*sketches.Blocks{b}
	return r
}

func sampleEarly(t testing.TB) Reference {
	t.Helper()
	r := sampleReference(t)
	r.Early = &EarlyPlan{Rows: 77, Plan: &sequential.Plan{
		Grid: r.Counts.Grid.ID(), Threshold: 7_500_000_000, Cooldown: 24,
		Paths: []sequential.Path{
			{Feature: 0, Kind: sequential.MeanUp, Effect: 0.5, Scale: 1 << 20},
			{Feature: 1, Kind: sequential.ShareUp, Effect: 2, Bin: 1, Scale: 1 << 20, Handicap: 9},
		},
		Report: sequential.Report{Basis: sequential.Resampled, TargetPanes: 1440, Alarms: 200, Simulated: 290_000, BlockPanes: 7.5, HistoryPanes: 2160, Replicates: 20, Seed: 1},
	}}
	must(t, r.Early.Plan.Validate())
	return r
}

func sampleLayout() Layout {
	return Layout{
		PaneMS: 60_000, SlotPanes: 60, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 6,
		WindowsMS: []int64{3_600_000, 86_400_000, 604_800_000},
		Inputs:    []Input{{Topic: "ml.predictions", Role: RoleEvents}, {Topic: "ml.labels", Incarnation: 2, Role: RoleLabels}},
	}
}

func sampleID(first byte) sketches.ID { return sketches.ID{first, 1, 2, 3} }

// forms returns every kind of record that passes between the parts.
func forms(t testing.TB) []form {
	t.Helper()
	grid := sampleGrid(t)
	find := func(_ string, id sketches.ID) (*sketches.Grid, bool) { return grid, id == grid.ID() }
	source := Source{Topic: "ml.predictions", Incarnation: 1, Partition: 2}
	third, half := int64(333_333_333), 0.5
	weighed := DefaultPolicy()
	weighed.Multiplicity, weighed.ShareBy, weighed.Importance = "bh", ByImportance, map[string]float64{"b": 0.25, "a": 3}
	return []form{
		{"partial", KindPartial, again(DecodePartial, Partial.Encode), map[string][]byte{
			"empty": Partial{}.Encode(),
			"full": Partial{
				ID:      PartialID{Source: source, Fold: 7, Model: "fraud", Version: "3", Grid: sampleID(9), Pane: -12, Chunk: 3},
				Through: 1 << 40, Rows: 1 << 63, Counts: []byte{1, 2}, Scores: []byte{3},
			}.Encode(),
		}},
		{"ledger", KindLedger, again(DecodeLedger, Ledger.Encode), map[string][]byte{
			"empty": Ledger{}.Encode(),
			"full": Ledger{
				Source: source, Fold: 1, Pane: 5, Through: 99, First: 90, Last: 99, Records: 9, Skipped: 1,
				Outcomes: [Outcomes]uint64{1, 1, 1, 1, 1, 1, 1, 1, 1}, DeadBy: map[string]uint64{"not_json": 1},
				LateBy: map[string]uint64{"fraud": 1}, FutureBy: map[string]uint64{"fraud": 1},
				Unregistered: map[string]uint64{"a": 1, "b": 2}, RowsOnly: map[string]uint64{"a": 1},
			}.Encode(),
		}},
		{"frontier", KindFrontier, again(DecodeFrontier, Frontier.Encode), map[string][]byte{
			"claims nothing": Frontier{Partitions: 1, UptoMS: -1 << 63, SinceMS: 1<<63 - 1, Through: -1}.Encode(),
			"full":           Frontier{Source: source, Fold: 3, UptoMS: 120_000, SinceMS: -60_000, Partitions: 3, Through: 17, Control: 4}.Encode(),
		}},
		{"layout", KindLayout, again(DecodeLayout, Layout.Encode), map[string][]byte{"full": sampleLayout().Encode()}},
		{"model", KindModel, again(DecodeModel, Model.Encode), map[string][]byte{
			"without classes": Model{Name: "a", FeaturesFrom: "feature"}.Encode(),
			"full":            Model{Name: "fraud", FromPane: 29_453_760, FeaturesFrom: "prediction", Classes: DefaultClasses}.Encode(),
		}},
		{"grid", KindGrid, again(DecodeGridControl, GridControl.Encode), map[string][]byte{
			"full": GridControl{Model: "fraud", FromPane: -3, Grid: grid}.Encode(),
		}},
		{"fold", KindFold, again(DecodeFold, Fold.Encode), map[string][]byte{
			"all":  Fold{Number: 1, Rate: FullRate}.Encode(),
			"full": Fold{Number: 7, FromPane: 29_453_760, Rate: FullRate / 10, Decoder: sampleID(8)}.Encode(),
		}},
		{"reference", KindReference, again(func(b []byte) (Reference, error) { return DecodeReference(b, find) }, Reference.Encode), map[string][]byte{
			"without blocks": Reference{Model: "fraud", Kind: "file", Counts: sampleCounts(t, 50)}.Encode(),
			"full":           sampleReference(t).Encode(),
		}},
		{"reference2", KindReference, again(func(b []byte) (Reference, error) { return DecodeReference(b, find) }, Reference.Encode), map[string][]byte{
			"with a plan": sampleEarly(t).Encode(),
		}},
		{"early", KindEarly, again(DecodeEarlyState, EarlyState.Encode), map[string][]byte{
			"off": EarlyState{Model: "fraud", Slot: -3}.Encode(),
			"full": EarlyState{
				Model: "fraud", Slot: 490_896, Reference: sampleID(6), Unknown: true, Gaps: []EarlyGap{{Before: 3, Slots: 2}, {Before: 700, Slots: 1}}, Track: []byte{1, 2, 3},
			}.Encode(),
		}},
		{"policy", KindPolicy, again(DecodePolicy, Policy.Encode), map[string][]byte{"default": DefaultPolicy().Encode(), "weighed": weighed.Encode()}},
		{"slot", KindSlot, again(DecodeSlot, Slot.Encode), map[string][]byte{
			"empty": Slot{Prev: NoPane}.Encode(),
			"full": Slot{
				Model: "fraud", Chunk: 1, Ring: 1, Number: 77, Prev: 76, Control: 12,
				Entries: []SlotEntry{{Version: "3", Grid: sampleID(4), Rows: 10, Counts: []byte{1}, Scores: []byte{2}}, {}},
				Alarms:  []SlotAlarm{{Version: AnyVersion, Policy: "default", Kind: "drift", WindowMS: 3_600_000, Reference: sampleID(5), State: []byte{1, 2}}},
			}.Encode(),
		}},
		{"coverage", KindCoverage, again(DecodeCoverage, Coverage.Encode), map[string][]byte{
			"full": Coverage{Ring: 1, Number: -7, Covered: 63, Expected: 64}.Encode(),
		}},
		{"coverage2", KindCoverage, again(DecodeCoverage, Coverage.Encode), map[string][]byte{
			"with slots": Coverage{Ring: 0, Number: 29_453_760, Covered: 63, Expected: 64, Slots: 300}.Encode(),
		}},
		{"done", KindDone, again(DecodeDone, Done.Encode), map[string][]byte{
			"empty": Done{}.Encode(),
			"full": Done{
				Pane: 100, First: 90, At: 1234, Resume: 1200,
				Table: []SourceClaims{{Source: source, Partitions: 3, Claims: []Claim{{Control: 2, SinceMS: -1, UptoMS: 60_000}, {Control: 5}}}},
			}.Encode(),
		}},
		{"applied", KindApplied, again(DecodeApplied, Applied.Encode), map[string][]byte{
			"from the first": Applied{Kind: "reference", ID: "fraud", Seq: 1, Pane: NoPane}.Encode(),
			"full":           Applied{Kind: "policy", ID: "a/b", Seq: 9, Pane: 29_453_760}.Encode(),
		}},
		{"learnt", KindLearnt, again(DecodeLearnt, Learnt.Encode), map[string][]byte{
			"full": Learnt{Model: "fraud", WindowMS: 3_600_000, Pane: 7, Writes: 3, Reference: sampleID(6), Blocks: []byte{1, 2, 3}}.Encode(),
		}},
		{"score", 0, again(DecodeScore, Score.Encode), map[string][]byte{
			"learning": Score{Model: "fraud", Version: AnyVersion, WindowMS: 3_600_000, EndMS: 7_200_000, State: StateLearning, Rows: 3}.Encode(),
			"judged": Score{
				Model: "fraud", Version: AnyVersion, Reference: sampleID(1).String(), WindowMS: 3_600_000, EndMS: 7_200_000, State: StateJudged,
				Rows: 3, Covered: 1, Expected: 2, Drifted: 1, Judged: 1, All: 2,
				Features: []FeatureScore{{Name: "x<y>&", Kind: "numeric", N: 1, M: 2, PSI: &third, Verdict: "drifted", Top: []Cells{{Label: "[0, 1)", Part: &third}}}},
				Alarms:   []AlarmAt{{Policy: "default", Kind: "drift", Phase: "firing", State: []byte(`{"phase":"firing"}`)}},
			}.Encode(),
			"read": Score{
				Model: "fraud", Version: AnyVersion, Reference: sampleID(1).String(), WindowMS: 3_600_000, EndMS: 7_200_000, State: StateJudged,
				Rows: 3, Covered: 1, Expected: 2, Judged: 1, All: 1, Filled: &third, Alpha: &third, ShareImportance: &third,
				Features: []FeatureScore{{
					Name: "x", Kind: "numeric", N: 1, M: 2, PSI: &third, Verdict: "stable",
					Bins: 9, Dependence: "live windows", Blocks: 8, W1: &third, W1Low: &third, W1High: &third, Brief: []byte{1, 2, 3},
				}},
			}.Encode(),
		}},
		{"past", 0, again(DecodePast, Past.Encode), map[string][]byte{
			"history": Past{AtMS: 7_200_000, First: NoPane, Unknown: true}.Encode(),
			"whole": Past{AtMS: 7_200_000, First: 3, Whole: true, Models: []ModelPast{{
				Model: "fraud", Born: true, Following: sampleID(1), Learnt: [][]byte{{1, 2, 3}},
				Alarms: []PastAlarm{{Version: AnyVersion, Policy: "default", Kind: "drift", WindowMS: 3_600_000, Reference: sampleID(1), State: []byte{1, 2}}},
			}}}.Encode(),
		}},
		{"event", 0, again(DecodeEvent, Event.Encode), map[string][]byte{
			"detected": NewEvent("prod", EventType("drift", "detected"), EventID("e", "t", 5), "warning", 1_767_225_600_123,
				EventData{Model: "fraud", Version: AnyVersion, Kind: "drift", Policy: "default", Warn: 0.1, Threshold: 0.2, Detail: map[string]any{"b": 1.5, "a": "x"}}).Encode(),
			"origin": NewEvent("prod", EventType("drift", "detected"), EventID("e", "t", 5), "warning", 1_767_225_600_123,
				EventData{
					Model: "fraud", Version: AnyVersion, Kind: "drift", Policy: "default", Alpha: 0.0001, FalseAlarms: 0.5, HopMS: 3_600_000,
					Multiplicity: "bh", ShareBy: ByImportance, ShareImportance: &half,
				}).Encode(),
		}},
		{"deadletter", 0, again(DecodeDeadLetter, DeadLetter.Encode), map[string][]byte{
			"full": DeadLetter{Topic: "ml.predictions", Partition: 1, Offset: 7, TimeMS: -1, Reason: "no_time", Detail: "<none>", At: 3, Size: 4, Sample: []byte("{\xff}")}.Encode(),
		}},
	}
}

// again decodes bytes and encodes what they said.
func again[T any](decode func([]byte) (T, error), encode func(T) []byte) func([]byte) ([]byte, error) {
	return func(b []byte) ([]byte, error) {
		v, err := decode(b)
		if err != nil {
			return nil, err
		}
		return encode(v), nil
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// known reports whether a decoder's error is one that callers can tell apart.
func known(err error) bool {
	return errors.Is(err, sketches.ErrCorrupt) || errors.Is(err, sketches.ErrNotFrame) || errors.Is(err, sketches.ErrSchema) || errors.Is(err, sketches.ErrChecksum)
}

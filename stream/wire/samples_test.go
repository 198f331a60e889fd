package wire

import (
	"errors"
	"testing"

	"github.com/driftline/driftline/drift/cadence"
	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
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
	r.Blocks = []*sketches.Blocks{sampleBlocks(t, c)}
	return r
}

// sampleBlocks are four blocks on the verdict bins of the counts.
func sampleBlocks(t testing.TB, c *sketches.Counts) *sketches.Blocks {
	t.Helper()
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
	return b
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

func sampleEmbedding(t testing.TB) *joint.Embedding {
	t.Helper()
	c := sampleCounts(t, 200)
	sample := make([][]uint16, len(c.Features))
	for r := range 8 {
		sample[0] = append(sample[0], c.Grid.Features[0].Code(sketches.Number(float64(r*3))))
		sample[1] = append(sample[1], c.Grid.Features[1].Code(sketches.String("abcd"[r%4:][:1])))
	}
	e, err := joint.Build(joint.Config{Reference: c, Sample: sample, Waves: 4, Seed: 9})
	must(t, err)
	return e
}

func sampleSums(t testing.TB) *joint.Sums {
	t.Helper()
	e := sampleEmbedding(t)
	c := &sketches.Codes{Rows: e.SampleRows(), Columns: e.Sample}
	tally := joint.NewTally(e)
	for range 5 {
		joint.NewAdder().Add(tally, c)
	}
	return tally.Sums()
}

func sampleJoint(t testing.TB) Reference {
	t.Helper()
	r := sampleReference(t)
	r.Joint = &Joint{Sums: sampleSums(t), Laws: []JointLaw{
		{WindowMS: 60_000, StepMS: 60_000, Why: "fewer than 4 windows"},
		{WindowMS: 3_600_000, StepMS: 180_000, Law: &multivariate.Law{
			Rows: 3.5, Runs: 1000, Block: 4, Seed: 2,
			Paths:  []multivariate.PathLaw{{Path: multivariate.Path{Statistic: multivariate.StatDistance, Panes: 20}, Mean: 0.5, SD: 2, Skew: 0.25}},
			Limits: []multivariate.Limits{{Target: 5760, First: []float64{3.5}, Rest: 4, Alarms: 17}},
		}},
	}}
	return r
}

// samplePart is the part of a segment: half of the rows, with blocks where asked for.
func samplePart(t testing.TB, value string, blocks bool) Part {
	t.Helper()
	p := Part{Segment: Segment{"region", value}, Counts: sampleCounts(t, 100)}
	if blocks {
		p.Blocks = []*sketches.Blocks{sampleBlocks(t, p.Counts)}
	}
	return p
}

// sampleAnswers are scores and classes with blocks.
func sampleAnswers(t testing.TB) *Answers {
	t.Helper()
	s, err := sketches.NewScoreCounts([]string{"", "0", "1"})
	must(t, err)
	for i := range 100 {
		s.Add(float64(i)/100, i%9 > 0, "01"[i%2:][:1])
	}
	a, err := NewAnswers("3", s)
	must(t, err)
	a.Blocks = []*sketches.Blocks{sampleBlocks(t, a.Counts)}
	return a
}

func sampleSegments() Segments {
	return Segments{{Name: "region", Values: []string{"eu", "us"}}, {Name: "tier", Values: []string{"free=1"}}}
}

func sampleBoth(t testing.TB) Reference {
	t.Helper()
	r := sampleJoint(t)
	r.Early = sampleEarly(t).Early
	return r
}

// sampleCadence declares a cadence and switches checks off.
func sampleCadence(t testing.TB) Policy {
	t.Helper()
	p := DefaultPolicy()
	p.Quality.Volume, p.Quality.Schema = CheckOff, CheckOff
	p.Cadence = &cadence.Plan{EveryMS: 86_400_000, GraceMS: 3_600_000, Calendar: &cadence.Calendar{
		Zone: "Europe/Berlin", Shifts: []cadence.Shift{{FromMS: -1 << 62, OffsetMS: 3_600_000}, {FromMS: 1_774_746_000_000, OffsetMS: 7_200_000}},
		Weekdays: []int{1, 2, 3, 4, 5}, Hours: []cadence.Hours{{From: 480, To: 1080}}, Holidays: []string{"2026-12-25"},
	}}
	must(t, p.Validate())
	return p
}

func sampleLayout() Layout {
	return Layout{
		PaneMS: 60_000, SlotPanes: 60, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 6,
		WindowsMS: []int64{3_600_000, 86_400_000, 604_800_000},
		Inputs:    []Input{{Topic: "ml.predictions", Role: RoleEvents}, {Topic: "ml.labels", Incarnation: 2, Role: RoleLabels}},
	}
}

func samplePolicy() Policy {
	p := DefaultPolicy()
	p.Trailing = &Trailing{LengthMS: 28 * 86_400_000, GapMS: 7 * 86_400_000, Warn: 0.1, Drifted: 0.25}
	p.Seasonal = &Seasonal{Weeks: 4, Warn: 0.1, Drifted: 0.2}
	return p
}

func sampleID(first byte) sketches.ID { return sketches.ID{first, 1, 2, 3} }

// forms returns every kind of record that passes between the parts.
func forms(t testing.TB) []form {
	t.Helper()
	grid := sampleGrid(t)
	find := func(_ string, id sketches.ID) (*sketches.Grid, bool) { return grid, id == grid.ID() }
	source := Source{Topic: "ml.predictions", Incarnation: 1, Partition: 2}
	third, half := int64(333_333_333), 0.5
	segmented := func(r Reference) Reference {
		r.Parts = []Part{samplePart(t, "eu", true), samplePart(t, "us", false)}
		return r
	}
	answered := func(r Reference) Reference {
		r.Answers = sampleAnswers(t)
		return r
	}
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
		{"partial2", KindPartial, again(DecodePartial, Partial.Encode), map[string][]byte{
			"with joint sums": Partial{ID: PartialID{Source: source, Model: "fraud", Grid: sampleID(9), Pane: 3}, Rows: 5, Counts: []byte{1}, Joint: []byte{4, 5}}.Encode(),
		}},
		{"partial3", KindPartial, again(DecodePartial, Partial.Encode), map[string][]byte{
			"of a segment": Partial{ID: PartialID{Source: source, Model: "fraud", Version: "3", Grid: sampleID(9), Pane: 3, Segment: "region=eu"}, Rows: 5, Counts: []byte{1}}.Encode(),
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
		{"grid2", KindGrid, again(DecodeGridControl, GridControl.Encode), map[string][]byte{
			"with an embedding": GridControl{Model: "fraud", FromPane: -3, Grid: grid, Joint: sampleEmbedding(t)}.Encode(),
		}},
		{"grid3", KindGrid, again(DecodeGridControl, GridControl.Encode), map[string][]byte{
			"with segments":     GridControl{Model: "fraud", FromPane: -3, Grid: grid, Segments: sampleSegments()}.Encode(),
			"with an embedding": GridControl{Model: "fraud", FromPane: -3, Grid: grid, Joint: sampleEmbedding(t), Segments: sampleSegments()}.Encode(),
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
		{"reference3", KindReference, again(func(b []byte) (Reference, error) { return DecodeReference(b, find) }, Reference.Encode), map[string][]byte{
			"with a joint part": sampleJoint(t).Encode(),
			"with both":         sampleBoth(t).Encode(),
		}},
		{"reference4", KindReference, again(func(b []byte) (Reference, error) { return DecodeReference(b, find) }, Reference.Encode), map[string][]byte{
			"with segments": segmented(sampleReference(t)).Encode(),
			"with a plan":   segmented(sampleEarly(t)).Encode(),
			"with all":      answered(segmented(sampleBoth(t))).Encode(),
			"with answers":  answered(sampleReference(t)).Encode(),
		}},
		{"early", KindEarly, again(DecodeEarlyState, EarlyState.Encode), map[string][]byte{
			"off": EarlyState{Model: "fraud", Slot: -3}.Encode(),
			"full": EarlyState{
				Model: "fraud", Slot: 490_896, Reference: sampleID(6), Unknown: true, Gaps: []EarlyGap{{Before: 3, Slots: 2}, {Before: 700, Slots: 1}}, Track: []byte{1, 2, 3},
			}.Encode(),
		}},
		{"policy", KindPolicy, again(DecodePolicy, Policy.Encode), map[string][]byte{"default": DefaultPolicy().Encode(), "weighed": weighed.Encode()}},
		{"policy2", KindPolicy, again(DecodePolicy, Policy.Encode), map[string][]byte{"with a cadence": sampleCadence(t).Encode()}},
		{"cadence", KindCadence, again(DecodeCadenceState, CadenceState.Encode), map[string][]byte{
			"empty": CadenceState{LastMS: NoPane}.Encode(),
			"full":  CadenceState{Model: "fraud", Slot: 490_896, LastMS: 1_767_225_600_000, Volume: []byte{1, 2, 3}}.Encode(),
		}},
		{"policymoving", KindPolicy, again(DecodePolicy, Policy.Encode), map[string][]byte{"moving": samplePolicy().Encode()}},
		{"exclusions", KindExclusions, again(DecodeExclusions, Exclusions.Encode), map[string][]byte{
			"none": Exclusions{Model: "fraud"}.Encode(),
			"full": Exclusions{Model: "fraud", Ranges: []Span{{-5, 60_000}, {-5, 70_000}, {1_767_225_600_000, 1_767_312_000_000}}}.Encode(),
		}},
		{"kept", KindKept, again(DecodeKept, Kept.Encode), map[string][]byte{
			"empty": Kept{Prev: NoPane}.Encode(),
			"full":  Kept{Model: "fraud", Chunk: 1, Number: 490_896, Prev: 490_895, Entries: []KeptEntry{{Grid: sampleID(4), Counts: []byte{1, 2}}, {}}}.Encode(),
		}},
		{"moving", KindMoving, again(DecodeMovingState, MovingState.Encode), map[string][]byte{
			"new":  MovingState{Since: 490_896}.Encode(),
			"full": MovingState{Since: -7, Out: []Run{{-7, -7}, {3, 9}}}.Encode(),
		}},
		{"slot", KindSlot, again(DecodeSlot, Slot.Encode), map[string][]byte{
			"empty": Slot{Prev: NoPane}.Encode(),
			"full": Slot{
				Model: "fraud", Chunk: 1, Ring: 1, Number: 77, Prev: 76, Control: 12,
				Entries: []SlotEntry{{Version: "3", Grid: sampleID(4), Rows: 10, Counts: []byte{1}, Scores: []byte{2}}, {}},
				Alarms:  []SlotAlarm{{Version: AnyVersion, Policy: "default", Kind: "drift", WindowMS: 3_600_000, Reference: sampleID(5), State: []byte{1, 2}}},
			}.Encode(),
		}},
		{"slot2", KindSlot, again(DecodeSlot, Slot.Encode), map[string][]byte{
			"with joint sums": Slot{
				Model: "fraud", Number: 77, Prev: 76, Control: 12, Entries: []SlotEntry{{Version: "3", Rows: 10}, {Grid: sampleID(4), Rows: 10, Counts: []byte{1}, Joint: []byte{4, 5}}},
			}.Encode(),
		}},
		{"slot3", KindSlot, again(DecodeSlot, Slot.Encode), map[string][]byte{
			"with a segment": Slot{
				Model: "fraud", Number: 77, Prev: 76, Control: 12, Entries: []SlotEntry{
					{Version: "3", Rows: 10}, {Grid: sampleID(4), Rows: 10, Counts: []byte{1}, Joint: []byte{4, 5}}, {Grid: sampleID(4), Rows: 3, Counts: []byte{1}, Segment: "region=eu"},
				},
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
		{"score2", 0, again(DecodeScore, Score.Encode), map[string][]byte{
			"joint": Score{
				Model: "fraud", Version: AnyVersion, Reference: sampleID(1).String(), WindowMS: 3_600_000, EndMS: 7_200_000, State: StateJudged,
				Rows: 300, Covered: 2, Expected: 2, Judged: 2, All: 2,
				Joint: &JointVerdict{
					Verdict: "drifted", N: 900, M: 300, Distance: &third, Score: &third, Limit: &third, FalseAlarms: &third, Path: "pair",
					Parts:    []JointPart{{Name: "distance", Value: &third, Score: &third}, {Name: "pair"}},
					Features: []JointFeature{{Name: "x", Shift: &third, Spread: &third, Pair: &third, Witness: &third}},
					Pairs:    []JointPair{{A: "x", B: "s", Ref: &third, Cur: &third, Change: &third}},
				},
			}.Encode(),
		}},
		{"scoremoving", 0, again(DecodeScore, Score.Encode), map[string][]byte{
			"seasonal": Score{
				Model: "fraud", Version: AnyVersion, Reference: sampleID(2).String(), WindowMS: 3_600_000, EndMS: 7_200_000, State: StateLearning,
				ReferenceKind: KindSeasonal, ReferenceDigest: sampleID(3).String(), ReferenceFromMS: -5, ReferenceToMS: 60_000, ReferenceRows: 7, Reason: "2 of 4 weeks",
			}.Encode(),
			"fixed": Score{
				Model: "fraud", Version: AnyVersion, Reference: sampleID(1).String(), WindowMS: 3_600_000, EndMS: 7_200_000, State: StateEmpty,
				ReferenceKind: "training", ReferenceRows: 90, Moving: MovingState{Since: 4}.Encode(),
			}.Encode(),
		}},
		{"eventmoving", 0, again(DecodeEvent, Event.Encode), map[string][]byte{
			"trailing": NewEvent("prod", EventType("drift", "detected"), EventID("e", "t", 5), "warning", 1_767_225_600_123, EventData{
				Model: "fraud", Version: AnyVersion, Kind: "drift", Reference: sampleID(2).String(), ReferenceKind: KindTrailing,
				ReferenceDigest: sampleID(3).String(), ReferenceFromMS: 60_000, ReferenceToMS: 120_000, ReferenceRows: 8,
			}).Encode(),
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
		{"event2", 0, again(DecodeEvent, Event.Encode), map[string][]byte{
			"of a check": NewEvent("prod", EventType("quality", "detected"), EventID("e", "t", 6), "warning", 1_767_225_600_123, EventData{
				Model: "fraud", Version: AnyVersion, Kind: "quality", Check: CheckVolume, Policy: "default", BlocksRetrain: true,
				Detail: VolumeDetail{Rows: 3, Expected: 120, Low: 100, High: 140, Weeks: 4}.Map(),
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

package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// paneMS is the resolution of the cadence's year; a slot is an hour, as by default.
const paneMS = hourMS / 4

// judged drives the fold that judges, as the loop does, with one source and one model.
type judged struct {
	fold   *evaluate.Fold
	grid   *sketches.Grid
	source wire.Source
	offset int64
	told   []wire.Event
}

const yearModel = "m"

func newJudged(rows []reference.Row, names []string, policy wire.Policy) (*judged, error) {
	j := &judged{source: wire.Source{Topic: "in"}}
	l := wire.Layout{
		PaneMS: paneMS, SlotPanes: hourMS / paneMS, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 1,
		WindowsMS: []int64{hourMS, 24 * hourMS, 7 * 24 * hourMS}, Inputs: []wire.Input{{Topic: "in", Role: wire.RoleEvents}},
	}
	res, err := reference.Build(reference.Spec{
		Model: yearModel, Kind: "training", Ordered: true, Names: names, WindowsMS: l.WindowsMS,
	}, rows)
	if err != nil {
		return nil, err
	}
	j.grid = res.Grid
	j.fold = evaluate.New(evaluate.Config{
		Layout: l, Namespace: "year", Policy: wire.DefaultPolicy(),
		Topics: evaluate.Topics{Panes: "panes", State: "state", Scores: "scores", Drift: "drift", Control: "control"},
	})
	var recs []log.Record
	for _, c := range []wire.Control{
		{Kind: "layout", ID: "main", Seq: 1, Value: l.Encode()},
		{Kind: "model", ID: yearModel, Seq: 1, Value: wire.Model{Name: yearModel, FeaturesFrom: "prediction"}.Encode()},
		{Kind: "grid", ID: yearModel, Seq: 1, Value: wire.GridControl{Model: yearModel, Grid: j.grid}.Encode()},
		{Kind: "reference", ID: yearModel, Seq: 1, Value: res.Reference.Encode()},
		{Kind: "policy", ID: yearModel, Seq: 1, Value: policy.Encode()},
	} {
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{Offset: int64(len(recs)), Key: kv.Key, Value: kv.Value})
		}
	}
	return j, j.fold.Control(recs, int64(len(recs)))
}

// pane gives the fold the rows of one pane, which ends there, and notes what it says.
func (j *judged) pane(pane int64, rows []reference.Row) error {
	id := wire.PartialID{Source: j.source, Model: yearModel, Version: "1", Pane: pane}
	if n := uint64(len(rows)); n > 0 {
		counts := reference.Count(j.grid, rows)
		bare, whole := id, id
		whole.Grid = j.grid.ID()
		for _, p := range []wire.Partial{
			{ID: bare, Through: j.offset, Rows: n},
			{ID: whole, Through: j.offset, Rows: n, Counts: counts.EncodeRange(0, len(counts.Features))},
		} {
			if err := j.apply(p.Encode()); err != nil {
				return err
			}
		}
	}
	claim := wire.Frontier{Source: j.source, UptoMS: (pane + 1) * paneMS, SinceMS: math.MinInt64, Partitions: 1, Through: j.offset, Control: 1 << 20}
	if err := j.apply(claim.Encode()); err != nil {
		return err
	}
	for {
		cycle, ok, err := j.fold.Publish()
		if err != nil || !ok {
			return err
		}
		for _, st := range cycle.Stages {
			for _, r := range st.Records {
				if r.Partition.Topic != "drift" {
					continue
				}
				e, err := wire.DecodeEvent(r.Value)
				if err != nil {
					return err
				}
				j.told = append(j.told, e)
			}
		}
		j.fold.Published()
		if waiting, _ := j.fold.Final(); waiting == 0 {
			return nil
		}
	}
}

func (j *judged) apply(value []byte) error {
	err := j.fold.Apply(log.Record{Partition: log.Partition{Topic: "panes"}, Offset: j.offset, Value: value})
	j.offset++
	if err != nil {
		return fmt.Errorf("offset %d: %w", j.offset-1, err)
	}
	return nil
}

// found returns the ends, ms, of the events of a kind of alarm: stale, or detected with a
// check.
func (j *judged) found(is func(e wire.Event) bool) (out []int64) {
	for _, e := range j.told {
		if is(e) {
			out = append(out, e.Data.EndMS)
		}
	}
	return slices.Compact(out)
}

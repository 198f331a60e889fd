package main

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

const (
	referenceDays = 90
	hourMS        = int64(3_600_000)
	rowsPerHour   = 60
	phi           = 0.9
)

// warningsPerMonth is the early warning's part of the alert budget; the windows have the
// other.
const warningsPerMonth = 0.5

// traffic is one feature's values, minute by minute.
type traffic struct {
	draws         generate.Sequence
	z             float64
	daily, weekly float64 // size of the seasons
	phase         float64
}

func newTraffic(seed uint64, feature int) *traffic {
	t := &traffic{draws: generate.NewSequence(seed, uint64(feature))}
	t.daily, t.weekly, t.phase = 0.6*t.draws.Uniform(), 0.4*t.draws.Uniform(), 2*math.Pi*t.draws.Uniform()
	t.z = t.draws.Normal()
	return t
}

// next returns the value of a minute, shifted by so many standard deviations.
func (t *traffic) next(minute int, shift float64) float64 {
	t.z = phi*t.z + math.Sqrt(1-phi*phi)*t.draws.Normal()
	x := math.Sinh(0.8*t.z) / 0.8 // a kurtosis of about 9
	x += t.daily * math.Sin(2*math.Pi*float64(minute%1440)/1440+t.phase)
	if day := minute / 1440 % 7; day >= 5 {
		x += t.weekly
	}
	return x + shift*1.25 // the standard deviation of all that is about 1.25
}

// model is a model with its reference.
type model struct {
	seed     uint64
	features int
	grid     *sketches.Grid
	ref      *sketches.Counts
	windows  []window
	plan     *sequential.Plan
	tables   *sequential.Tables
}

// window is one window's verdicts and alarm.
type window struct {
	hours  int
	cfg    drift.AlarmConfig
	judges []*drift.Judger
}

// newModel builds the reference as reference build does, and calibrates the early warning
// on its hours.
func newModel(seed uint64, features int) (*model, error) {
	m := &model{seed: seed, features: features}
	const rows = referenceDays * 24 * rowsPerHour
	all := make([]reference.Row, rows)
	cells := make([]sketches.Value, rows*features)
	for i := range all {
		all[i] = reference.Row{TimeMS: int64(i) * hourMS / rowsPerHour, Values: cells[i*features : (i+1)*features]}
	}
	spec := reference.Spec{Model: "m", Kind: "training", Ordered: true, WindowsMS: []int64{24 * hourMS, 7 * 24 * hourMS}}
	for f := range features {
		spec.Names = append(spec.Names, fmt.Sprintf("f%d", f))
		t := newTraffic(seed, f)
		for i := range all {
			all[i].Values[f] = sketches.Number(t.next(i, 0))
		}
	}
	res, err := reference.Build(spec, all)
	if err != nil {
		return nil, err
	}
	m.grid, m.ref = res.Grid, res.Reference.Counts
	if err := m.addWindows(res.Reference); err != nil {
		return nil, err
	}
	return m, m.calibrate(all)
}

func (m *model) addWindows(ref wire.Reference) error {
	policy := wire.DefaultPolicy()
	for _, length := range []int64{24 * hourMS, 7 * 24 * hourMS} {
		w := window{hours: int(length / hourMS), cfg: drift.DefaultAlarm(length, hourMS)}
		s := drift.DefaultSettings()
		s.MinRows = int(policy.MinRows)
		s.Alpha = drift.BudgetAlpha(policy.FalseAlarms-warningsPerMonth, m.features, 1, 1, w.cfg.HopMS)
		b := ref.BlocksOf(length)
		scratch := new(drift.Scratch)
		for f := range m.features {
			dep, err := drift.FromReferenceBlocks(&b.Features[f])
			if err != nil {
				return err
			}
			w.judges = append(w.judges, drift.NewJudger(&m.grid.Features[f], &m.ref.Features[f], dep, s, scratch))
		}
		m.windows = append(m.windows, w)
	}
	return nil
}

func (m *model) calibrate(rows []reference.Row) error {
	history := sequential.NewHistory(m.grid)
	for from := 0; from < len(rows); from += rowsPerHour {
		if err := history.Append(reference.Count(m.grid, rows[from:from+rowsPerHour])); err != nil {
			return err
		}
	}
	s := sequential.DefaultSettings()
	s.Target, s.PaneRows, s.Seed, s.Cycle = sequential.TargetPanes(warningsPerMonth, hourMS), rowsPerHour, m.seed, 7*24
	s.Cooldown, s.Replicates, s.Alarms = 24, 20, 200
	var err error
	if m.plan, err = sequential.Calibrate(m.ref, sequential.Evidence{History: history}, s); err != nil {
		return err
	}
	m.tables, err = sequential.NewTables(m.plan.Paths, m.ref)
	return err
}

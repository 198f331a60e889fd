package reference

import (
	"errors"
	"fmt"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Early asks for a plan of early warnings; the zero value asks for none.
type Early struct {
	StepMS int64   `json:"step_ms"` // how often the stream looks: its slot
	Alarms float64 `json:"alarms"`  // false alarms per month that early warnings may give
}

// What a calibration may cost: with these about as much as the rest of a build. What it
// achieved stands in the plan beside the target.
const (
	earlyAlarms     = 200
	earlyReplicates = 20
	earlyWork       = 5e8
	earlySeed       = 1
	// earlyCells bounds what resampling counts again: cells of all hours and features,
	// times replicates. Above it there are fewer replicates, but leastReplicates.
	earlyCells      = 1e8
	leastReplicates = 5
)

const (
	weekMS = 7 * 86_400_000
	dayMS  = 86_400_000
	// leastSteps and leastWeeks are what resampling needs, and what it needs to keep a
	// weekly season.
	leastSteps = 100
	leastWeeks = 10
)

// early calibrates the plan on the rows cut at whole steps, in order of time. why says
// why there is none.
func (s Spec) early(counts *sketches.Counts, rows []Row) (plan *wire.EarlyPlan, why string, err error) {
	step := s.Early.StepMS
	switch {
	case step <= 0:
		return nil, "not asked for", nil
	case !s.Ordered || len(rows) == 0:
		return nil, "rows have no order in time", nil
	}
	from, to := rows[0].TimeMS, rows[len(rows)-1].TimeMS+1
	first, last := ceilDiv(from, step), floorDiv(to, step)
	n := max(0, last-first)
	if n < leastSteps {
		return nil, fmt.Sprintf("the rows hold %d whole steps of %s, needed at least %d", n, words(step), leastSteps), nil
	}
	set := sequential.DefaultSettings()
	set.Target = sequential.TargetPanes(s.Early.Alarms, step)
	set.Cooldown = uint32(max(1, dayMS/step))
	if set.Target < 2 || float64(set.Cooldown) >= set.Target/2 {
		return nil, fmt.Sprintf("%g false alarms a month are more than steps of %s allow", s.Early.Alarms, words(step)), nil
	}
	history, most, cells, err := cut(counts.Grid, rows, step, first, last)
	if err != nil {
		return nil, "", err
	}
	set.Alarms, set.Work, set.Seed = earlyAlarms, earlyWork, earlySeed
	set.Replicates = int(max(leastReplicates, min(earlyReplicates, earlyCells/max(1, cells))))
	if weekMS%step == 0 && n*step >= leastWeeks*weekMS {
		set.Cycle = int(weekMS / step)
	}
	p, err := sequential.Calibrate(counts, sequential.Evidence{History: history}, set)
	switch {
	case errors.Is(err, sketches.ErrEmpty), errors.Is(err, sequential.ErrNoHistory):
		return nil, err.Error(), nil
	case err != nil:
		return nil, "", fmt.Errorf("early warning of model %q: %w", s.Model, err)
	}
	return &wire.EarlyPlan{Plan: p, Rows: most}, "", nil
}

// cut counts the rows by step, empty steps too. most is the largest number of rows of
// one, cells how many cells of all steps and features are not empty.
func cut(g *sketches.Grid, rows []Row, step, first, last int64) (h *sequential.History, most, cells uint64, err error) {
	h, most = sequential.NewHistory(g), 1
	i := 0
	for b := first; b < last; b++ {
		for i < len(rows) && rows[i].TimeMS < b*step {
			i++
		}
		start := i
		for i < len(rows) && rows[i].TimeMS < (b+1)*step {
			i++
		}
		c := Count(g, rows[start:i])
		most = max(most, c.Rows)
		for f := range c.Features {
			for _, k := range c.Features[f].Cells {
				if k > 0 {
					cells++
				}
			}
		}
		if err := h.Append(c); err != nil {
			return nil, 0, 0, err
		}
	}
	return h, most, cells, nil
}

// words writes a length of time for people.
func words(ms int64) string {
	switch {
	case ms%dayMS == 0:
		return fmt.Sprintf("%d d", ms/dayMS)
	case ms%3_600_000 == 0:
		return fmt.Sprintf("%d h", ms/3_600_000)
	}
	return fmt.Sprintf("%d s", ms/1000)
}
